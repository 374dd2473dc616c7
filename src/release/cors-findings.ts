import type {Config} from '../config/schema.js';
import {messageOf} from '../kernel/errors.js';
import type {Finding} from '../platforms/platform.js';

/**
 * Asks the backend, as a browser would before a cross-origin request, whether it lets the frontend's address in.
 * A backend that does not answer is unknown, never a problem: the gate judges health.
 */
export async function corsFindings(config: Config, signal: AbortSignal): Promise<Finding[]> {
  if (!config.frontend || !config.backend) return [];
  const origin = new URL(config.frontend.url).origin;
  if (origin === new URL(config.backend.url).origin) return [];
  const row = (state: Finding['state'], found: string, remedy?: string): Finding => ({
    area: 'backend',
    check: `CORS for ${origin}`,
    state,
    found,
    ...(remedy && {remedy}),
  });
  try {
    const answer = await fetch(`${config.backend.url}/`, {
      method: 'OPTIONS',
      headers: {origin, 'access-control-request-method': 'GET'},
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    await answer.body?.cancel();
    const allowed = answer.headers.get('access-control-allow-origin');
    if (allowed === origin || allowed === '*') return [row('ok', `allowed (${allowed})`)];
    return [
      row(
        'warning',
        allowed ? `only ${allowed} is allowed` : `no access-control-allow-origin in the answer (${answer.status})`,
        'If the pages call the API from the browser, allow this origin on the backend; otherwise ignore this',
      ),
    ];
  } catch (error) {
    return [
      row(
        'unknown',
        `the backend did not answer: ${messageOf(error)}`,
        'Look whether the backend is up; the gate will ask again',
      ),
    ];
  }
}
