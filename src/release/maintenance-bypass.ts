import {createHmac} from 'node:crypto';

/** Header that lets an operator past the block at the backend's edge. */
export const bypassHeader = 'x-switchback-bypass';

/**
 * What gets a request past the block: a value derived from the platform token, else the secret that a person gave.
 * Derived, so that every step and every later run finds the same one without handing a secret on, whoever put the block
 * up; the token cannot be computed from it.
 */
export function operatorBypass(given: string | undefined, railwayToken: string | undefined): string | undefined {
  if (!railwayToken) return given;
  return createHmac('sha256', railwayToken).update('switchback maintenance bypass').digest('base64url');
}
