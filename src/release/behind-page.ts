import type {ReleaseRecord} from '../ledger/record.js';
import type {LedgerStore} from '../ledger/store.js';
import type {Platform} from '../platforms/platform.js';
import {leadTo, wayOut} from './maintenance-window.js';
import type {RollbackSide} from './rollback.js';

/**
 * The frontend while maintenance mode is on: going back must not take the page down, since it is the end of the window
 * that opens the product. The target is checked on the platform, and then noted as what the window gives way to.
 */
export function behindPage(frontend: Platform, store: LedgerStore, window: ReleaseRecord): RollbackSide {
  return {
    name: frontend.name,
    rollback: async (anchor, call) => {
      const checked = await frontend.rollback(anchor, {...call, dryRun: true});
      const outcome = wayOut(window) === anchor.deploymentId ? 'already' : 'restored';
      if (call.dryRun) return {...checked, outcome, by: 'none'};
      await leadTo(store, window, anchor.deploymentId);
      const warnings = ['The maintenance page stays up; the end of maintenance mode shows the deployment.'];
      return {...checked, outcome, by: 'none', warnings};
    },
  };
}
