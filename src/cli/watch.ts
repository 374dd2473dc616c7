import {parseDuration} from '../kernel/duration.js';
import {type Problem, refusal} from '../kernel/errors.js';
import {type MonitorInputs, openMonitor} from '../release/monitor-opening.js';
import {serveMonitor} from '../release/monitor-service.js';
import {type Ended, openInputs, type Terminal} from './action.js';
import {exitCodes} from './exit-code.js';

export interface WatchFlags {
  readonly address: string;
  readonly port: string;
  readonly refresh: string | undefined;
  /** Flags of the action itself. */
  readonly given: (name: string) => string | undefined;
}

/** `switchback monitor --watch`: a monitor for ever, with its page; a signal ends it in order, with exit code 0. */
export async function watch(flags: WatchFlags, terminal: Terminal): Promise<{ended: Ended; exitCode?: number}> {
  const {port, refreshMs} = readFlags(flags);
  const opened = await openInputs('monitor', flags.given, terminal);
  const inputs = opened.inputs as MonitorInputs & {readonly interval?: number};
  await using monitor = await openMonitor(inputs, opened.run);
  const {interval, refresh} = monitor.config.monitor;
  const served = await serveMonitor({
    monitor,
    intervalMs: inputs.interval ?? interval,
    refreshMs: refreshMs ?? refresh,
    address: flags.address,
    port,
    pageUrl: inputs['page-url'],
    signal: terminal.signal,
    log: opened.run.log,
    warn: (message) => opened.run.annotate({level: 'warning', title: 'Monitor', message}),
  });
  return {
    ended: {
      outputs: {rounds: String(served.rounds), alerts: String(served.alerts), page: monitor.folder},
      summary: `Stopped in order after ${served.rounds} rounds; the history is whole.`,
    },
    exitCode: exitCodes.ok,
  };
}

function readFlags({port, refresh, address, given}: WatchFlags): {port: number; refreshMs: number | undefined} {
  const problems: Problem[] = [];
  const add = (where: string, what: string, remedy: string) => problems.push({where: `flag --${where}`, what, remedy});
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    add('port', 'is not a port', 'Give a number up to 65535, or 0 for any free one');
  if (!/^[\w.:-]+$/.test(address)) add('address', 'is not an address', 'Give one of this machine, such as 127.0.0.1');
  const refreshMs = refresh === undefined ? undefined : parseDuration(refresh);
  if (refresh !== undefined && (refreshMs === undefined || refreshMs < 1_000))
    add('refresh', 'is not a duration of at least 1s', 'Write it like 10s');
  if (given('duration') !== undefined) add('duration', 'ends what --watch shall not end', 'Leave out one of the two');
  if (problems.length) throw refusal('USAGE', 'The flags of monitor --watch were', problems);
  return {port: Number(port), refreshMs};
}
