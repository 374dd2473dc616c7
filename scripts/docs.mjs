// Generates action.yml of every JavaScript action, the tables in action-docs/ and the JSON Schema of switchback.yml.
// With --check it writes nothing and fails on any difference.
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {compile} from './compile.mjs';
import {errorsPage} from './docs-errors.mjs';
import {root} from './node24.mjs';

const check = process.argv.includes('--check');
const stale = [];
compile();
const load = (file) => import(pathToFileURL(join(root, 'lib', file)).href);
const {renderActionYml, renderInputs, renderOutputs, fillBlock} = await load('src/report/action-reference.js');
const {configJsonSchema} = await load('src/config/schema.js');
const {renderConfigReference} = await load('src/report/config-reference.js');

for (const name of readdirSync(join(root, 'actions')).filter((entry) =>
  existsSync(join(root, 'actions', entry, 'spec.ts')),
)) {
  const {spec} = await load(`actions/${name}/spec.js`);
  put(`actions/${name}/action.yml`, renderActionYml(spec));
  const page = `action-docs/${name}.md`;
  const text = existsSync(join(root, page))
    ? readFileSync(join(root, page), 'utf8')
    : `# ${name}\n\n${spec.description}\n\n## Inputs\n\n<!-- inputs -->\n<!-- /inputs -->\n\n## Outputs\n\n<!-- outputs -->\n<!-- /outputs -->\n`;
  put(page, fillBlock(fillBlock(text, 'inputs', renderInputs(spec), page), 'outputs', renderOutputs(spec), page));
}
const schema = configJsonSchema();
put('action-docs/switchback.schema.json', `${JSON.stringify(schema, null, 2)}\n`);
const configPage = 'action-docs/configuration.md';
put(
  configPage,
  fillBlock(readFileSync(join(root, configPage), 'utf8'), 'keys', renderConfigReference(schema), configPage),
);

const {renderCommands, renderCommandTable, renderExitCodes} = await load('src/cli/reference.js');
const terminalPage = 'action-docs/terminal.md';
put(
  terminalPage,
  fillBlock(
    fillBlock(readFileSync(join(root, terminalPage), 'utf8'), 'commands', renderCommandTable(), terminalPage),
    'exit-codes',
    renderExitCodes(),
    terminalPage,
  ),
);
const specOf = async (action) => (await load(`actions/${action}/spec.js`)).spec;
put(
  'action-docs/commands.md',
  `# Commands of the terminal\n\nGenerated from the declarations that the commands run by; [terminal.md](terminal.md) says how they are used.\n\n${await renderCommands(specOf)}\n`,
);

put('action-docs/errors.md', errorsPage());

if (stale.length) {
  console.error(`Not what the specs generate: ${stale.join(', ')}\nNext: npm run docs, then commit.`);
  process.exit(1);
}
console.log(check ? 'Generated files are fresh' : 'Generated files written');

function put(file, text) {
  const path = join(root, file);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  if (check) stale.push(file);
  else writeFileSync(path, text);
}
