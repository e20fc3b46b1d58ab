// Imported before anything else, for its effect: an old Node gets one sentence instead of a syntax error further on.
// So nothing in here may be newer than Node 12.

const needed = [20, 20];
const found = process.versions.node.split('.').map(Number);

if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  console.error(
    `Node ${process.versions.node} is too old: install Node ${needed.join('.')} or newer and run the command again.`,
  );
  process.exit(1);
}
