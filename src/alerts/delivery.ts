import {Failure} from '../kernel/errors.js';

const timeoutMs = 10_000;

/**
 * Posts JSON to an address that may itself be a secret, so it never stands in an error.
 * @throws Failure ALERT_CHANNEL; retryable after 429, 5xx, and when there was no answer.
 */
export async function post(
  channel: string,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {'content-type': 'application/json', 'user-agent': 'switchback', ...headers},
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    // The body is read to free the connection; what it says is for the log only when it is short.
    const said = (await response.text()).slice(0, 100);
    if (response.ok) return;
    throw refused(channel, response, said);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('ALERT_CHANNEL', `Channel ${channel} gave no answer within ${timeoutMs / 1_000} s`, {
      remedy: 'Check that the address is right and reachable from the runner.',
      retryable: true,
    });
  }
}

function refused(channel: string, response: Response, said: string): Failure {
  const {status} = response;
  const retryAfterS = Number(response.headers.get('retry-after'));
  return new Failure(
    'ALERT_CHANNEL',
    `Channel ${channel} refused the message (HTTP ${status}${said ? `: ${said}` : ''})`,
    {
      remedy:
        status === 401 || status === 403 || status === 404 || status === 410
          ? 'Renew the address or the secret: the other side does not know it any more.'
          : 'Try again later, or look at the state of the other side.',
      retryable: status === 429 || status >= 500,
      ...(retryAfterS > 0 ? {retryAfterMs: retryAfterS * 1_000} : {}),
    },
  );
}
