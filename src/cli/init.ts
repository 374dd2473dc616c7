import type {Ended, Terminal} from './action.js';
export async function init(_flags: Record<string, unknown>, _terminal: Terminal): Promise<Ended> {
  return {outputs: {}};
}
