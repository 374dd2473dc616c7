import {Failure, messageOf} from '../kernel/errors.js';
import {type Ended, runOnTerminal, type Terminal} from './action.js';
import {exitCodeOf, exitCodes} from './exit-code.js';

export interface ReleaseFlags {
  readonly config?: string | undefined;
  readonly commit?: string | undefined;
  readonly allowMissingAnchor?: string | undefined;
  readonly skipBackup: boolean;
  /** Runs one step; replaced in tests. */
  readonly step?: typeof runOnTerminal;
}

export interface Released {
  readonly ended: Ended;
  readonly exitCode: number;
}

/**
 * One release from the terminal, in the order of `release.yml`: preflight, backup, stage, deploy, gate, promote, watch.
 * Whatever stops it after the record was opened, Ctrl-C too, brings both sides back to what was live before.
 */
export async function release(flags: ReleaseFlags, terminal: Terminal): Promise<Released> {
  const step = flags.step ?? runOnTerminal;
  const total = flags.skipBackup ? 6 : 7;
  let done = 0;
  const run = async (title: string, action: string, inputs: Readonly<Record<string, string | undefined>>) => {
    terminal.console.heading(`\n${title}`);
    const all: Record<string, string | undefined> = {config: flags.config, commit: flags.commit, ...inputs};
    const bar = `${'█'.repeat(done)}${'░'.repeat(total - done)} ${title}`;
    const ended = await terminal.console.live(bar, () => step(action, (name) => all[name], terminal));
    done++;
    // The log of a step that went well says enough; the whole picture is for the one that did not.
    if (ended.failure && ended.summary) terminal.console.line(`\n${ended.summary}`);
    if (ended.failure) throw ended.failure;
    // A step may end well although Ctrl-C came in its last moment; the next one must not begin.
    terminal.signal.throwIfAborted();
    return ended.outputs;
  };
  const opened = await run('Preflight', 'preflight', {
    'open-release': 'true',
    'allow-missing-anchor': flags.allowMissingAnchor,
  });
  const record = {release: opened['release'], 'ledger-id': opened['ledger-id']};
  try {
    const outputs = await ship(run, record, opened, flags);
    return {ended: {outputs: {...record, ...outputs} as Record<string, string>}, exitCode: exitCodes.ok};
  } catch (error) {
    return goBack(error, record, flags, terminal, step);
  }
}

type RunStep = (
  title: string,
  action: string,
  inputs: Readonly<Record<string, string | undefined>>,
) => Promise<Readonly<Record<string, string>>>;

async function ship(
  run: RunStep,
  record: Readonly<Record<string, string | undefined>>,
  opened: Readonly<Record<string, string>>,
  flags: ReleaseFlags,
): Promise<Record<string, string | undefined>> {
  if (!flags.skipBackup) await run('Back up', 'backup', {...record, copy: 'false'});
  const staged = await run('Stage the frontend', 'deploy', {...record, component: 'frontend'});
  if (opened['pinned'] === 'true') throw pinned(opened['pin-reason']);
  const deployed = await run('Deploy the backend', 'deploy', {...record, component: 'backend'});
  const baseline = {'baseline-url': opened['frontend-anchor-url']};
  await run('Gate the candidate', 'health-gate', {
    ...record,
    ...baseline,
    stage: 'candidate',
    'frontend-url': staged['url'],
  });
  await run('Promote', 'promote', {
    ...record,
    'frontend-deployment': staged['deployment-id'],
    'backend-deployment': deployed['deployment-id'],
  });
  const watched = await run('Watch the live product', 'health-gate', {...record, ...baseline, stage: 'live'});
  return {
    'frontend-deployment': staged['deployment-id'],
    'backend-deployment': deployed['deployment-id'],
    verdict: watched['verdict'],
  };
}

function pinned(why = 'a rollback left a pin'): Failure {
  return new Failure('PINNED', `The frontend is staged and nothing more: ${why}`, {
    remedy: 'Release the pin with `switchback pins release` once the cause is fixed, then release again.',
  });
}

async function goBack(
  cause: unknown,
  record: Readonly<Record<string, string | undefined>>,
  flags: ReleaseFlags,
  terminal: Terminal,
  step: typeof runOnTerminal,
): Promise<Released> {
  const failure = asFailure(cause);
  const exitCode = exitCodeOf(cause, terminal.signal.aborted);
  // A pin stopped it before anything live was changed.
  if (failure.code === 'PINNED') return {ended: {outputs: outputsOf(record), failure}, exitCode: exitCodes.failed};
  terminal.console.alert('error', `${failure.message}\n[${failure.code}]`);
  terminal.console.heading('\nGoing back');
  // A fresh signal: Ctrl-C stopped the release, and must not stop the way back.
  const calm = {...terminal, signal: new AbortController().signal};
  const inputs: Record<string, string | undefined> = {
    ...record,
    config: flags.config,
    to: 'anchor',
    reason: failure.code,
  };
  const back = await terminal.console
    .live('Going back', () => step('rollback', (name) => inputs[name], calm))
    .catch((error: unknown) => ({
      outputs: {outcome: 'failed'} as Record<string, string>,
      failure: asFailure(error),
    }));
  return {
    ended: {
      outputs: {...outputsOf(record), rollback: back.outputs['outcome'] ?? 'failed'},
      ...('summary' in back && back.summary && {summary: back.summary}),
      failure: back.failure ? unfinished(failure, back.failure) : failure,
    },
    exitCode: exitCode === exitCodes.usage ? exitCodes.failed : exitCode,
  };
}

function unfinished(cause: Failure, rollback: Failure): Failure {
  return new Failure(rollback.code, `${cause.message}\nAnd the way back is not finished: ${rollback.message}`, {
    remedy: rollback.remedy,
    cause,
  });
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('BUG', messageOf(error), {remedy: 'Report it with this log.', cause: error});
}

function outputsOf(record: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
