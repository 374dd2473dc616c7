import type {Clock} from '../../kernel/clock.js';
import type {VercelApi} from './api.js';
import type {Settings} from './options.js';

/** What every part of the adapter works with. */
export interface Vercel {
  readonly settings: Settings;
  readonly api: VercelApi;
  readonly clock: Clock;
  /** 0 to 1; jitter only. */
  readonly random: () => number;
}
