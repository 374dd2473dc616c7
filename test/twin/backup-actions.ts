import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {stringify} from 'yaml';
import * as backup from '../../actions/backup/run.js';
import {spec as backupSpec} from '../../actions/backup/spec.js';
import * as restore from '../../actions/restore/run.js';
import {spec as restoreSpec} from '../../actions/restore/spec.js';
import type {ConfigText} from '../../src/config/schema.js';
import {parseInputs} from '../../src/runner/inputs.js';
import type {Annotation, Report, Run} from '../../src/runner/run-action.js';
import type {ActionSpec, Inputs} from '../../src/runner/spec.js';

/** A checked-out repository for the backup and restore actions, and a runner that notes what they do. */
export interface Workplace extends AsyncDisposable {
  readonly root: string;
  readonly state: Map<string, string>;
  readonly logs: string[];
  readonly annotations: Annotation[];
  readonly masked: string[];
  write(path: string, text: string | Buffer): Promise<void>;
  runner(signal?: AbortSignal, env?: Record<string, string>): Run;
  backup(inputs: Record<string, string>, runner?: Run): Promise<Report<typeof backupSpec>>;
  restore(inputs: Record<string, string>, runner?: Run): Promise<Report<typeof restoreSpec>>;
  cleanUpBackup(inputs: Record<string, string>): Promise<void>;
  cleanUpRestore(inputs: Record<string, string>): Promise<void>;
}

export async function openWorkplace(config: ConfigText): Promise<Workplace> {
  const root = await mkdtemp(join(tmpdir(), 'switchback-place-'));
  const state = new Map<string, string>();
  const logs: string[] = [];
  const annotations: Annotation[] = [];
  const masked: string[] = [];
  const write = async (path: string, text: string | Buffer) => {
    await mkdir(join(root, path, '..'), {recursive: true});
    await writeFile(join(root, path), text);
  };
  await write('.github/switchback.yml', stringify(config));
  const runner = (signal = new AbortController().signal, env: Record<string, string> = {}): Run => ({
    signal,
    env: {
      ...process.env,
      GITHUB_WORKSPACE: root,
      GITHUB_REPOSITORY: 'acme/shop',
      GITHUB_EVENT_NAME: 'schedule',
      ...env,
    },
    log: (line) => void logs.push(line),
    debug: () => {},
    annotate: (annotation) => void annotations.push(annotation),
    group: (_title, work) => work(),
    mask: (value) => void masked.push(value),
    maskFound: (value) => void masked.push(value),
    saveState: (name, value) => void state.set(name, value),
    state: (name) => state.get(name) ?? '',
    isPost: false,
  });
  return {
    root,
    state,
    logs,
    annotations,
    masked,
    write,
    runner,
    backup: (given, on = runner()) => backup.run(inputsOf(backupSpec, given), on),
    restore: (given, on = runner()) => restore.run(inputsOf(restoreSpec, given), on),
    cleanUpBackup: (given) => backup.cleanUp(inputsOf(backupSpec, given), runner()),
    cleanUpRestore: (given) => restore.cleanUp(inputsOf(restoreSpec, given), runner()),
    [Symbol.asyncDispose]: () => rm(root, {recursive: true, force: true}),
  };
}

function inputsOf<S extends ActionSpec>(spec: S, given: Record<string, string>): Inputs<S> {
  for (const name of Object.keys(given))
    if (!(name in spec.inputs)) throw new Error(`${spec.name} has no input ${name}`);
  return parseInputs(spec, (name) => given[name]).inputs;
}
