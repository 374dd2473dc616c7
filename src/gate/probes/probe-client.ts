import type {CheckKind} from '../policy.js';
import type {Exchange, Probe} from './probe.js';

/** The probe of each kind of check, and the connections they share. */
export interface ProbeClient extends AsyncDisposable {
  readonly probes: Readonly<Record<CheckKind, Probe>>;
  readonly exchange: Exchange;
}

/**
 * Loads the probes when a plan stands: Node's HTTP, TLS and DNS take as long to start as the rest of an action, which a
 * refused plan need not wait for.
 * @param options.ca extra certificate authority to trust (PEM).
 */
export async function openProbes(options: {readonly ca?: string | undefined}): Promise<ProbeClient> {
  const [{allProbes}, {openHttpExchange}] = await Promise.all([
    import('./all-probes.js'),
    import('./http-exchange.js'),
  ]);
  const client = openHttpExchange(options.ca === undefined ? {} : {ca: options.ca});
  return {
    probes: allProbes,
    exchange: client.exchange,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
