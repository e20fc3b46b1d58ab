// `node scripts/api_table.mjs`: writes the tables of the API in README.md, from js/index.d.ts. A test says when they differ.

import { readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';
import { inRoot, isProgram, Problem, runProgram } from './lib/program.mjs';

/** @returns {{ there: string, wanted: string, mended: string }} the tables as they are and as they should be; the README with those */
export function apiTables() {
  const readme = readFileSync(inRoot('README.md'), 'utf8');
  const match = /(<!-- API: .*? -->\n)(.*?)(<!-- end -->)/s.exec(readme);
  if (match === null) throw new Problem('README.md has no `<!-- API: … -->` with an `<!-- end -->`: the tables go between them.');
  const [all, start, there, end] = match;
  const wanted = `\n${callTable()}\n\n${optionTable()}\n\n`;
  return { there, wanted, mended: readme.replace(all, () => start + wanted + end) };
}

const source = (name) => ts.createSourceFile(name, readFileSync(inRoot('js', name), 'utf8'), ts.ScriptTarget.Latest, true);

function callTable() {
  const index = source('index.d.ts');
  const named = (name) => index.statements.find((node) => node.name?.text === name);
  const rows = [['new Persona(options?)', sentenceOf(named('Persona'))], ...methods(named('Relays'), 'persona.relays.')];
  for (const node of source('ledger.d.ts').statements) {
    if (!ts.isClassDeclaration(node)) continue;
    rows.push(['new RelayLedger(options)', sentenceOf(node)], ...methods(node, 'ledger.'));
  }
  for (const node of index.statements) {
    if (ts.isFunctionDeclaration(node)) rows.push([call(node), sentenceOf(node)]);
  }
  rows.push(['PersonaError', sentenceOf(named('PersonaError'))]);
  return table(['call', ''], rows.map(([name, text]) => [`\`${name}\``, text]));
}

function optionTable() {
  const options = source('index.d.ts').statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === 'PersonaOptions');
  return table(['option', ''], options.members.map((member) => [`\`${member.name.getText()}\``, docOf(member)]));
}

/** The methods of a class or an interface; of overloads, the last has all parameters. */
function methods(node, prefix) {
  const found = new Map();
  for (const member of node.members) {
    if (!ts.isMethodSignature(member) && !ts.isMethodDeclaration(member)) continue;
    const name = member.name.getText();
    const overloaded = found.has(name);
    const first = overloaded ? found.get(name)[1] : sentenceOf(member);
    found.set(name, [prefix + call(member, overloaded), first]);
  }
  return [...found.values()];
}

function call(node, overloaded = false) {
  const [first, ...rest] = node.parameters.map((parameter) => parameter.name.getText() + (parameter.questionToken ? '?' : ''));
  const more = overloaded ? rest.map((name) => `${name.replace('?', '')}?`) : rest;
  return `${node.name.getText()}(${first === undefined ? '' : [first, ...more].join(', ')})`;
}

/** The doc comment in one line, as Markdown. */
function docOf(node) {
  const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
  if (comment === undefined) throw new Problem(`${node.name.getText()} in js/ has no doc comment: write one.`);
  const text = typeof comment.comment === 'string' ? comment.comment : ts.getTextOfJSDocComment(comment.comment);
  return text.replace(/\{@link (\w+)\}/g, '`$1`').replace(/\s+/g, ' ').replaceAll('|', '\\|');
}

/** Its first sentence, and those that follow as long as all is short. */
function sentenceOf(node) {
  const [first, ...more] = docOf(node).replace(/ ?```.*/, '').split(/(?<=\.(?:\*\*)?) (?=[A-Z*`])/);
  let text = first;
  for (const sentence of more) {
    if (text.length + sentence.length > 160) break;
    text += ` ${sentence}`;
  }
  return text;
}

function table(heads, rows) {
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |')).join('\n');
}

if (isProgram(import.meta.url)) {
  await runProgram(() => writeFileSync(inRoot('README.md'), apiTables().mended));
}
