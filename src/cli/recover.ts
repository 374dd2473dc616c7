import {Failure, messageOf} from '../kernel/errors.js';
import type {Ended, Terminal} from './action.js';
import {exitCodeOf, exitCodes} from './exit-code.js';
import {checkRebuild, rebuild} from './rebuild.js';
import {type Given, type Outputs, type RecoverFlags, Steps} from './recovery-steps.js';

/**
 * A disaster recovery from the terminal, in the steps of the action `disaster-recovery` or `disaster-rebuild`. Stopped anywhere, the next one
 * goes on: what is done is told by the platforms, the database and the ledger, not by this process.
 */
export async function recover(flags: RecoverFlags, terminal: Terminal): Promise<{ended: Ended; exitCode: number}> {
  const steps = new Steps(flags, terminal);
  const began = flags.rebuild
    ? await checkRebuild(steps, flags)
    : await steps.run('Check everything, change nothing', 'recovery', beginInputs(flags));
  let failure: unknown;
  try {
    if (began['stage'] === 'recover') await bringBack(steps, flags, began);
    if (began['stage'] === 'rebuild') await rebuild(steps, flags, began);
  } catch (error) {
    failure = error;
    terminal.console.alert('error', `${messageOf(error)}`);
  }
  // Also after Ctrl-C: it only reads, and says where things stand.
  const ended = await steps
    .measured(began, flags)
    .catch((error: unknown) => ({outputs: {}, failure: asFailure(error)}));
  const first = failure === undefined ? ended.failure : asFailure(failure);
  return {
    ended: {...ended, outputs: {...endOutputs(began), ...ended.outputs}, ...(first && {failure: first})},
    exitCode: first ? later(exitCodeOf(failure ?? first, terminal.signal.aborted)) : exitCodes.ok,
  };
}

/** Once something may have changed, a refusal of a later step is a failure, not a wrong use. */
const later = (code: number): number => (code === exitCodes.usage ? exitCodes.failed : code);

async function bringBack(steps: Steps, flags: RecoverFlags, began: Outputs): Promise<void> {
  const reason = flags.reason ?? 'disaster';
  const restore = began['restore'] === 'true';
  const {window} = await steps.run('Maintenance mode on', 'maintenance', {
    mode: 'on',
    reason: `disaster recovery: ${reason}`,
  });
  await keepWhatIsLeft(steps, reason, began['database-state'] ?? 'none');
  const code = {
    component: 'all',
    to: flags.release ? 'release' : 'last-known-good',
    release: flags.release,
    'override-schema': String(restore || began['database-state'] === 'restored'),
    gate: 'false',
    reason,
  };
  const first = {...code, 'newer-than': began['in-place-at']};
  let outputs: Outputs = {};
  // The bad code first: it may go on damaging what is put back. Without a database, though, no backend starts.
  if (!restore) outputs = await steps.run('Last known good code', 'rollback', first);
  else if (began['database-state'] !== 'missing') await steps.tried('Last known good code', 'rollback', first);
  if (restore) {
    const placed = await steps.run('Database from the set', 'restore', {
      mode: 'in-place',
      set: began['set-id'],
      confirm: flags.confirm,
      recovery: window,
      'safety-set': 'false',
      owners: flags.owners,
    });
    const again = {...code, 'newer-than': placed['in-place-at']};
    outputs = await steps.run('Last known good code over the restored database', 'rollback', again);
  }
  await steps.run('Gate behind the maintenance page', 'health-gate', {
    stage: 'candidate',
    'behind-maintenance': 'true',
    commit: began['commit'],
    'frontend-url': outputs['frontend-url'],
  });
  await steps.run('Maintenance mode off', 'maintenance', {mode: 'off'});
}

/** What cannot be read any more must not stop the way back; it is said plainly. */
async function keepWhatIsLeft(steps: Steps, reason: string, state: string): Promise<void> {
  if (state === 'live') {
    const kept = {'as-found': 'true', copy: 'false', retries: '0', reason: `what was left: ${reason}`};
    if (await steps.tried('Snapshot of what is left', 'backup', kept)) return;
    steps.say('The live database could not be read to its end: nothing was kept of it in the store.');
  } else if (state === 'missing') steps.say('The live database does not exist any more: nothing could be kept of it.');
  else if (state === 'unreadable') steps.say('The live database cannot be reached: nothing could be kept of it.');
}

function beginInputs(flags: RecoverFlags): Given {
  return {
    mode: 'begin',
    database: String(flags.database),
    release: flags.release,
    since: flags.since,
    set: flags.set,
    'max-age': flags.maxAge,
    confirm: flags.confirm,
  };
}

function endOutputs(began: Outputs): Record<string, string> {
  const told = ['stage', 'release', 'set-id', 'identity'];
  return Object.fromEntries(told.flatMap((name) => (began[name] ? [[name, began[name]]] : [])));
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('BUG', messageOf(error), {remedy: 'Report it with this log.', cause: error});
}
