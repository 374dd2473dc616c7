// Checks all workflow files and action manifests: GitHub's own parser, pins, local references; then actionlint and
// zizmor, which are installed into .cache when Go and Python are there and otherwise named with the way to get them.
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {register} from 'node:module';
import {join} from 'node:path';
import {parse, parseDocument, visit} from 'yaml';
import {root} from './node24.mjs';

const actionlintVersion = 'v1.7.12';
const zizmorVersion = '1.29.0';
const problems = [];
const notes = [];

// The parser package imports JSON without the attribute that Node demands.
register(
  `data:text/javascript,${encodeURIComponent("import {readFile} from 'node:fs/promises'; export const load = async (url, context, next) => url.includes('/@actions/workflow-parser/') && url.endsWith('.json') ? {format: 'json', shortCircuit: true, source: await readFile(new URL(url))} : next(url, context);")}`,
);
const {parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter} = await import('@actions/workflow-parser');
const {parseAction} = await import('@actions/workflow-parser/actions/index');

const folder = join(root, '.github', 'workflows');
const workflows = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file));
const manifests = readdirSync(join(root, 'actions'))
  .map((name) => join('actions', name, 'action.yml'))
  .filter((file) => existsSync(join(root, file)));

for (const file of workflows) {
  const name = `.github/workflows/${file}`;
  const content = readFileSync(join(folder, file), 'utf8');
  const {context, value} = parseWorkflow({name, content}, new NoOperationTraceWriter());
  problems.push(...context.errors.getErrors().map((error) => error.message));
  if (value)
    problems.push(
      ...((await convertWorkflowTemplate(context, value, undefined, {fetchReusableWorkflowDepth: 0})).errors ?? []).map(
        (error) => `${name}: ${error.Message}`,
      ),
    );
  checkUses(name, content);
  checkHygiene(name, parse(content));
}
for (const file of manifests) {
  const content = readFileSync(join(root, file), 'utf8');
  const {context} = parseAction({name: file, content}, new NoOperationTraceWriter());
  problems.push(...context.errors.getErrors().map((error) => error.message));
  checkUses(file, content);
}
lint('actionlint', actionlint(), ['-color=false', ...workflows.map((file) => join('.github/workflows', file))]);
lint('zizmor', zizmor(), ['--offline', '--no-progress', '--persona', 'auditor', '.github', ...manifests]);

for (const note of notes) console.log(note);
if (problems.length) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`${workflows.length} workflows and ${manifests.length} manifests are well`);

function checkUses(name, content) {
  visit(parseDocument(content), {
    Pair: (_, pair) => {
      if (pair.key?.value !== 'uses' || typeof pair.value?.value !== 'string') return;
      const uses = pair.value.value;
      if (uses.startsWith('$/') || uses.startsWith('./')) {
        const target = join(root, uses.slice(2));
        if (!existsSync(target.endsWith('.yml') ? target : join(target, 'action.yml')))
          problems.push(`${name}: ${uses} is not in this repository`);
      } else if (!/@[0-9a-f]{40}$/.test(uses) || !/^ ?v\d+\.\d+\.\d+/.test(pair.value.comment ?? ''))
        problems.push(`${name}: ${uses} is not pinned by a full hash with its version in a comment`);
    },
  });
}

function checkHygiene(name, workflow) {
  if (workflow.permissions === undefined || Object.keys(workflow.permissions).length)
    problems.push(`${name}: the workflow must start from \`permissions: {}\``);
  if (workflow.on?.pull_request_target) problems.push(`${name}: pull_request_target is not used here`);
  if (!workflow.concurrency) problems.push(`${name}: no concurrency group`);
  for (const [id, job] of Object.entries(workflow.jobs)) {
    if (!job.uses && !job['timeout-minutes']) problems.push(`${name}: job ${id} has no timeout-minutes`);
    if (job.permissions === undefined) problems.push(`${name}: job ${id} names no permissions`);
    for (const step of job.steps ?? [])
      if (/\$\{\{/.test(step.run ?? ''))
        problems.push(`${name}: job ${id} splices an expression into a script; pass it as env`);
  }
}

function lint(name, command, args) {
  if (!command) return;
  const run = spawnSync(command, args, {cwd: root, encoding: 'utf8'});
  if (run.status !== 0) problems.push(`${name}:\n${run.stdout}${run.stderr}`);
  else notes.push(`${name}: no findings`);
}

function actionlint() {
  const installed = join(root, '.cache', 'bin', 'actionlint');
  if (existsSync(installed)) return installed;
  if (!has('go', ['version']))
    return void notes.push(
      'actionlint: left out, since there is no Go to build it (install Go, or put actionlint on the PATH)',
    );
  mkdirSync(join(root, '.cache', 'bin'), {recursive: true});
  const run = spawnSync('go', ['install', `github.com/rhysd/actionlint/cmd/actionlint@${actionlintVersion}`], {
    env: {...process.env, GOBIN: join(root, '.cache', 'bin')},
    stdio: 'ignore',
  });
  return run.status === 0 ? installed : void notes.push('actionlint: left out, since it could not be built here');
}

function zizmor() {
  const venv = join(root, '.cache', 'zizmor');
  const installed = join(venv, 'bin', 'zizmor');
  if (existsSync(installed)) return installed;
  if (!has('python3', ['-m', 'venv', '--help']))
    return void notes.push('zizmor: left out, since there is no Python with venv (install python3-venv)');
  spawnSync('python3', ['-m', 'venv', venv], {stdio: 'ignore'});
  const run = spawnSync(join(venv, 'bin', 'pip'), ['install', '-q', `zizmor==${zizmorVersion}`], {stdio: 'ignore'});
  return run.status === 0 ? installed : void notes.push('zizmor: left out, since it could not be installed here');
}

function has(command, args) {
  return spawnSync(command, args, {stdio: 'ignore'}).status === 0;
}
