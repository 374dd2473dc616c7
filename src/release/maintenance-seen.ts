import type {Config} from '../config/schema.js';
import {maintenanceHeader} from './maintenance-page.js';

/** Maintenance mode as users meet it, asked of the product itself. */

/**
 * Do users meet maintenance mode now? Asked of the product itself: one request, so that the way back is not held up by a
 * ledger that knows of no window in all but a few runs.
 */
export async function meetsMaintenance({frontend, backend}: Config): Promise<boolean> {
  if (frontend) return showsPage(frontend.url, 2_000);
  return backend !== undefined && isBlocked(backend.url, 2_000);
}

/** The header of our page: its status alone could be anybody's. */
export async function showsPage(url: string, timeoutMs?: number): Promise<boolean> {
  const answer = await ask(url, timeoutMs);
  return answer?.headers.get(maintenanceHeader) === 'on';
}

/** The body of our rule, at a path that the product does not have. */
export async function isBlocked(url: string, timeoutMs?: number): Promise<boolean> {
  const answer = await ask(`${url}/switchback-maintenance-probe`, timeoutMs);
  return answer?.status === 429 && answer.body.includes('"maintenance"');
}

/** Undefined when no answer came. */
export async function ask(
  url: string,
  timeoutMs = 5_000,
): Promise<{status: number; headers: Headers; body: string} | undefined> {
  try {
    const answer = await fetch(url, {redirect: 'manual', cache: 'no-store', signal: AbortSignal.timeout(timeoutMs)});
    return {status: answer.status, headers: answer.headers, body: (await answer.text()).slice(0, 4_096)};
  } catch {
    return undefined;
  }
}
