import type {Config} from '../config/schema.js';
import {messageOf} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {type Freshness, remainingOf, unknownFreshness} from '../monitor/freshness.js';
import {certificatePrefix} from './monitor-plan.js';

const timeoutMs = 10_000;
const mostHosts = 20;

/** How long the certificates of all https addresses of the file still last; undefined when there is none. */
export function certificateFreshness(
  config: Config,
  signal: AbortSignal,
  now: () => number = Date.now,
): (() => Promise<Freshness[]>) | undefined {
  const hosts = httpsHosts(config).slice(0, mostHosts);
  const minDays = config.monitor['certificate-min-days'];
  if (hosts.length === 0) return undefined;
  return () =>
    Promise.all(
      hosts.map(async (host) => {
        const name = `${certificatePrefix}${host}`;
        try {
          return remainingOf(name, await certificateEnd(host, signal), minDays, now());
        } catch (error) {
          // A host that does not answer is the checks' business; of its certificate nothing is known.
          return unknownFreshness(name, `at least ${minDays} days`, oneLine(messageOf(error), 120));
        }
      }),
    );
}

function httpsHosts({frontend, backend, checks = []}: Config): string[] {
  const addresses = [frontend?.url, backend?.url, ...checks.map(({url}) => url)];
  return [
    ...new Set(
      addresses.flatMap((address) =>
        address && URL.canParse(address) && new URL(address).protocol === 'https:' ? [new URL(address).host] : [],
      ),
    ),
  ];
}

/** Trusted or not is asked by checks of kind tls; here only the date counts. */
async function certificateEnd(host: string, signal: AbortSignal): Promise<number> {
  const {hostname, port} = new URL(`https://${host}`);
  const {connect} = await import('node:tls');
  return await new Promise((resolve, reject) => {
    const isAddress = /^[\d.]+$|^\[/.test(hostname);
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 443),
      servername: isAddress ? '' : hostname,
      rejectUnauthorized: false,
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    const stop = () => socket.destroy(new Error('stopped'));
    signal.addEventListener('abort', stop, {once: true});
    socket.once('close', () => signal.removeEventListener('abort', stop));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const endsMs = Date.parse(socket.getPeerCertificate().valid_to);
      socket.destroy();
      if (Number.isFinite(endsMs)) resolve(endsMs);
      else reject(new Error('the certificate has no readable end'));
    });
  });
}
