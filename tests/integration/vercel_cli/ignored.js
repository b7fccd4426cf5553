// Reads one JSON document {text, paths} a line, and answers with the paths that the library leaves out, or {error}.
const lines = require('node:readline').createInterface({ input: process.stdin });
const library = require.resolve('ignore', { paths: [process.argv[2]] });

lines.on('line', line => {
  const { text, paths } = JSON.parse(line);
  delete require.cache[library]; // it remembers expressions between instances, as a run of the client does not
  try {
    const rules = require(library)().add(text);
    console.log(JSON.stringify(paths.filter(path => rules.ignores(path))));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
});
