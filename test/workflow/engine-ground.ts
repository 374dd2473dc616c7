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
  const commit = () => {
    git('add', '-A');
    git(...identity, 'commit', '-q', '--allow-empty', '-m', 'test');
    return git('rev-parse', 'HEAD');
  };
  let sha = '';
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
    sha = commit();
    return startWorkflow(request(more));
  };
  return {
    root,
    events,
    write,
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

/** Text of a JavaScript action with these inputs; `main` is the body of its program. */
export function nodeAction(inputs: string, more = ''): string {
  return `name: test\ndescription: test\ninputs:\n${inputs || '  unused: {description: none}'}\nruns:\n  using: node24\n  main: main.js\n${more}`;
}

/** One job `a` on a push, with these steps (two spaces of indentation are added). */
export function oneJob(steps: string, more = ''): string {
  const body = steps
    .trim()
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n');
  const extra = more
    ? `${more
        .trim()
        .split('\n')
        .map((line) => `    ${line}`)
        .join('\n')}\n`
    : '';
  return `on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n${extra}    steps:\n${body}\n`;
}

/** What the job printed, without job names. */
export function printed(result: WorkflowResult, job = 'a'): string[] {
  return result.log.filter((line) => line.startsWith(`${job} | `)).map((line) => line.slice(job.length + 3));
}
