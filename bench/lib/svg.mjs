// Plots, as SVG that can be read on a light page and on a dark one.

const WIDTH = 880;
const STYLE = `<style>
    .text { fill: #1f2933 } .faint { fill: #616e7c } .line { stroke: #cbd2d9 } .ours { fill: #0f7bc4 } .other { fill: #9aa5b1 } .third { fill: #cb6e17 }
    .path-ours { stroke: #0f7bc4 } .path-other { stroke: #9aa5b1 } .path-third { stroke: #cb6e17 }
    @media (prefers-color-scheme: dark) {
      .text { fill: #f5f7fa } .faint { fill: #9aa5b1 } .line { stroke: #3e4c59 } .ours { fill: #47a3e3 } .other { fill: #7b8794 } .third { fill: #f0a04b }
      .path-ours { stroke: #47a3e3 } .path-other { stroke: #7b8794 } .path-third { stroke: #f0a04b }
    }
  </style>`;

/**
 * Horizontal bars over a logarithmic scale, in groups.
 *
 * @param {{ title: string, description: string, unit: string, groups: { title: string, bars: { label: string, value: number, kind?: 'ours' | 'other' | 'third' }[] }[] }} plot
 */
export function barPlot({ title, description, unit, groups }) {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const [low, high] = [10 ** Math.floor(Math.log10(Math.min(...values)) - 0.15), 10 ** Math.ceil(Math.log10(Math.max(...values)))];
  const [left, right] = [290, WIDTH - 90];
  const x = (value) => left + ((Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))) * (right - left);
  const parts = [];
  let y = 64;
  for (const group of groups) {
    parts.push(text(24, y + 4, group.title, 'text', 'font-weight="700"'));
    y += 12;
    for (const { label, value, kind = 'other' } of group.bars) {
      parts.push(text(left - 10, y + 15, label, 'text', 'text-anchor="end"'));
      parts.push(`<rect class="${kind}" x="${left}" y="${y + 2}" width="${fixed(x(value) - left)}" height="17" rx="2"/>`);
      parts.push(text(x(value) + 6, y + 15, `${short(value)} ${unit}`, 'text'));
      y += 24;
    }
    y += 22;
  }
  const height = y + 14;
  const grid = [];
  for (let value = low; value <= high * 1.001; value *= 10) {
    grid.push(`<line class="line" x1="${fixed(x(value))}" x2="${fixed(x(value))}" y1="66" y2="${y - 14}" stroke-width="1"/>`);
    grid.push(text(x(value), y + 2, `${short(value)} ${unit}`, 'faint', 'text-anchor="middle" font-size="12"'));
  }
  return page({ title, description, height, body: [...grid, ...parts] });
}

/**
 * Lines over two logarithmic scales.
 *
 * @param {{ title: string, description: string, xTitle: string, unit: string,
 *   lines: { label: string, kind: 'ours' | 'other' | 'third', points: [number, number][] }[] }} plot
 */
export function linePlot({ title, description, xTitle, unit, lines }) {
  const all = lines.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([at]) => at))].sort((a, b) => a - b);
  const [top, bottom, left, right] = [64, 330, 80, WIDTH - 190];
  const [low, high] = [10 ** Math.floor(Math.log10(Math.min(...all.map(([, value]) => value)))), 10 ** Math.ceil(Math.log10(Math.max(...all.map(([, value]) => value))))];
  const span = Math.log10(xs.at(-1)) - Math.log10(xs[0]) || 1;
  const x = (at) => left + ((Math.log10(at) - Math.log10(xs[0])) / span) * (right - left);
  const y = (value) => bottom - ((Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))) * (bottom - top);
  const body = [];
  for (let value = low; value <= high * 1.001; value *= 10) {
    body.push(`<line class="line" x1="${left}" x2="${right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}" stroke-width="1"/>`);
    body.push(text(left - 8, y(value) + 4, `${short(value)} ${unit}`, 'faint', 'text-anchor="end" font-size="12"'));
  }
  for (const at of xs) body.push(text(x(at), bottom + 20, at.toLocaleString('en'), 'faint', 'text-anchor="middle" font-size="12"'));
  body.push(text((left + right) / 2, bottom + 42, xTitle, 'faint', 'text-anchor="middle"'));
  for (const { label, kind, points } of lines) {
    body.push(`<path class="path-${kind}" d="M${points.map(([at, value]) => `${fixed(x(at))} ${fixed(y(value))}`).join(' L')}" fill="none" stroke-width="2.5"/>`);
    for (const [at, value] of points) body.push(`<circle class="${kind}" cx="${fixed(x(at))}" cy="${fixed(y(value))}" r="4"/>`);
    body.push(text(right + 10, y(points.at(-1)[1]) + 4, `${label}: ${short(points.at(-1)[1])} ${unit}`, 'text'));
  }
  return page({ title, description, height: bottom + 60, body });
}

/** Three significant digits, without an exponent. @param {number} value */
export function short(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

function page({ title, description, height, body }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif" font-size="14">
  <title id="title">${escape(title)}</title>
  <desc id="desc">${escape(description)}</desc>
  ${STYLE}
  ${text(24, 30, title, 'text', 'font-size="17" font-weight="700"')}
  ${body.join('\n  ')}
</svg>
`;
}

function text(x, y, content, style, attributes = '') {
  return `<text class="${style}" x="${fixed(x)}" y="${fixed(y)}"${attributes && ` ${attributes}`}>${escape(content)}</text>`;
}

const fixed = (value) => String(Number(value.toFixed(1)));
const escape = (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
