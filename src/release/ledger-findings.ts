import {interrupted} from '../ledger/journal.js';
import type {LedgerStore} from '../ledger/store.js';
import type {Finding} from '../platforms/platform.js';
import {readMaintenance} from './maintenance-window.js';
import {releases} from './rollback-targets.js';

/** A run that died in the middle of a change leaves production in a state that nobody proved. */
export async function interruptedFinding(store: LedgerStore): Promise<Finding> {
  const row = {area: 'ledger', check: 'last release ended'} as const;
  const found = interrupted(await releases(store, 20));
  if (!found) return {...row, state: 'ok', found: 'yes'};
  const what = found.intents
    .map((intent) => `${intent.does}${intent.component ? ` of the ${intent.component}` : ''}`)
    .join(', ');
  return {
    ...row,
    state: 'problem',
    found: `${found.record.release} was announced to do: ${what}; nothing was heard of it since`,
    remedy:
      'If no run of it is at work any more, run the rollback workflow with `to: previous`: it looks at the platforms and finishes or undoes the change',
  };
}

/** A release during maintenance would record the maintenance page as the way back, so it is refused. */
export async function maintenanceFinding(store: LedgerStore): Promise<Finding> {
  const state = await readMaintenance(store);
  const row = {area: 'ledger', check: 'maintenance mode'} as const;
  if (!state.on) return {...row, state: 'ok', found: 'off'};
  const until = state.untilMs === undefined ? '' : ` until ${new Date(state.untilMs).toISOString().slice(0, 16)} UTC`;
  return {
    ...row,
    state: 'problem',
    found: `${state.unfinished ? 'half on, a run died in between' : 'on'}${until}${state.reason ? `: ${state.reason}` : ''}`,
    remedy: 'Run the maintenance workflow with mode off first: a release would take the page for what was live',
  };
}
