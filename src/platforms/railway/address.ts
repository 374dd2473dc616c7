import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';

export const defaultUrl = 'https://backboard.railway.com';

/** Base of the polling plan in milliseconds, against Railway and against this machine. */
export const pollMs = 5_000;
export const loopbackPollMs = 250;

/** @throws Failure RAILWAY_URL for an address that would send the token in the clear. */
export function checkedAddress(text: string): {url: string; loopback: boolean} {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const loopback = url !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback))
    return {url: text.replace(/\/+$/, ''), loopback};
  throw new Failure(
    'RAILWAY_URL',
    `The Railway API address \`${cleanLine(text, 120)}\` is not usable: it must be https://, or http:// on this machine`,
    {remedy: `Leave it out to use ${defaultUrl}.`},
  );
}
