import type {LedgerStore} from '../ledger/store.js';
import type {Finding} from '../platforms/platform.js';
import {readMaintenance} from './maintenance.js';

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
