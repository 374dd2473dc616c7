import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {
  type EngineEvent,
  startWorkflow,
  type WorkflowRequest,
  type WorkflowResult,
  type WorkflowRun,
} from '../../src/rehearsal/engine/engine.js';

/** A repository in a temporary folder, on which a test runs workflows that it writes itself. */
export interface Ground extends Disposable {
  readonly root: string;
  readonly events: EngineEvent[];
  /** Writes a file below the root; `.js` files of actions are plain Node programs without dependencies. */
  write(path: string, content: string): void;
  /** Writes a JavaScript action to `path`: bodies of its programs, and its inputs as name to default. */
  action(
    path: string,
    programs: {main: string; pre?: string; post?: string; postIf?: string},
    inputs?: Record<string, string>,
  ): void;
  /** Writes a composite action to `path`. */
  composite(path: string, steps: string, more?: string): void;
  /** Commits everything and returns the commit. */
  commit(): string;
  /** Starts `.github/workflows/test.yml` with this text. */
  start(workflow: string, more?: Partial<WorkflowRequest>): WorkflowRun;
  run(workflow: string, more?: Partial<WorkflowRequest>): Promise<WorkflowResult>;
  request(more?: Partial<WorkflowRequest>): WorkflowRequest;
  /** Resolves with the first event that fits, past ones included. */
  seen(fits: (event: EngineEvent) => boolean): Promise<EngineEvent>;
}

const identity = ['-c', 'user.name=t', '-c', 'user.email=t@t.invalid'];

export function openGround(): Ground {
  const root = mkdtempSync(join(tmpdir(), 'engine-'));
  const events: EngineEvent[] = [];
  const watchers = new Set<(event: EngineEvent) => void>();
  const git = (...args: string[]) =>
    execFileSync('git', args, {cwd: join(root, 'repo'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']}).trim();
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, 'repo', path)), {recursive: true});
    writeFileSync(join(root, 'repo', path), content);
  };
  mkdirSync(join(root, 'repo'));
  git('init', '-q', '-b', 'main');
  let sha = '';
  const commit = () => {
    git('add', '-A');
    git(...identity, 'commit', '-q', '--allow-empty', '-m', 'test');
    sha = git('rev-parse', 'HEAD');
    return sha;
  };
  const action: Ground['action'] = (path, programs, inputs = {}) => {
    const declared = Object.entries(inputs)
      .map(([name, value]) => `  ${JSON.stringify(name)}: {description: d, default: ${JSON.stringify(value)}}\n`)
      .join('');
    const stages = (['main', 'pre', 'post'] as const).filter((stage) => programs[stage] !== undefined);
    const runs =
      stages.map((stage) => `  ${stage}: ${stage}.cjs\n`).join('') +
      (programs.postIf ? `  post-if: ${programs.postIf}\n` : '');
    write(
      `${path}/action.yml`,
      `name: test\ndescription: test\n${declared && `inputs:\n${declared}`}runs:\n  using: node24\n${runs}`,
    );
    for (const stage of stages) write(`${path}/${stage}.cjs`, `const fs = require('node:fs');\n${programs[stage]}\n`);
  };
  const composite: Ground['composite'] = (path, steps, more = '') =>
    write(
      `${path}/action.yml`,
      `name: test\ndescription: test\n${more && `${more.trim()}\n`}runs:\n  using: composite\n  steps:\n${indented(steps, 4)}\n`,
    );
  const request = (more: Partial<WorkflowRequest> = {}): WorkflowRequest => ({
    file: join(root, 'repo/.github/workflows/test.yml'),
    suiteRoot: join(root, 'repo'),
    repository: {path: join(root, 'repo'), owner: 'acme', name: 'shop', sha, ref: 'refs/heads/main'},
    event: {name: 'push'},
    secrets: {},
    vars: {},
    apiUrl: 'http://127.0.0.1:9',
    token: 'ghs_rehearsaltoken',
    workDir: join(root, 'work'),
    nodePath: process.execPath,
    deploymentRecords: false,
    onEvent: (event) => {
      events.push(event);
      for (const watcher of watchers) watcher(event);
    },
    ...more,
  });
  const start = (workflow: string, more: Partial<WorkflowRequest> = {}) => {
    write('.github/workflows/test.yml', workflow);
    commit();
    return startWorkflow(request(more));
  };
  return {
    root,
    events,
    write,
    action,
    composite,
    commit,
    start,
    request,
    run: (workflow, more) => start(workflow, more).done,
    seen: (fits) =>
      new Promise((resolve) => {
        const past = events.find(fits);
        if (past) resolve(past);
        watchers.add((event) => fits(event) && resolve(event));
      }),
    [Symbol.dispose]: () => rmSync(root, {recursive: true, force: true}),
  };
}

/** One job `a` on a push, with these steps and further keys of the job. */
export function oneJob(steps: string, more = '', top = ''): string {
  return `on: push\n${top && `${top.trim()}\n`}jobs:\n  a:\n    runs-on: ubuntu-latest\n${more && `${indented(more, 4)}\n`}    steps:\n${indented(steps, 6)}\n`;
}

function indented(text: string, spaces: number): string {
  const lines = text.replace(/^\n+|\s+$/g, '').split('\n');
  const own = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return lines.map((line) => (line.trim() ? ' '.repeat(spaces) + line.slice(own) : '')).join('\n');
}

/** What the job printed, without job names. */
export function printed(result: WorkflowResult, job = 'a'): string[] {
  return result.log.filter((line) => line.startsWith(`${job} | `)).map((line) => line.slice(job.length + 3));
}

/** Conclusions of a job's steps in order. */
export function conclusions(result: WorkflowResult, job = 'a'): string[] {
  return result.jobs[job]?.steps.map((step) => step.conclusion) ?? [];
}
