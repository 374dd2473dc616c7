import type {Finding} from '../platform.js';

/** A row of the preflight table about Railway. */
export function finding(check: string, state: Finding['state'], found: string, remedy?: string): Finding {
  return {area: 'Railway', check, state, found, ...(remedy && {remedy})};
}
