import {createHmac} from 'node:crypto';

/** Header that lets an operator past the block at the backend's edge. */
export const bypassHeader = 'x-switchback-bypass';

/**
 * What an operator's requests carry to get past the block: the secret that was given, else one derived from the platform
 * token. Derived, so that every step and every later run finds the same one without handing a secret on; the token
 * cannot be computed from it.
 */
export function operatorBypass(given: string | undefined, railwayToken: string | undefined): string | undefined {
  if (given) return given;
  return railwayToken && createHmac('sha256', railwayToken).update('switchback maintenance bypass').digest('base64url');
}
