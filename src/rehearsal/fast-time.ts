/**
 * Loaded before a program (`node --import`), makes its waits end at once while its clock moves on by them: a week of
 * rounds passes in seconds, and what the program measures itself (latencies) stays real.
 */

import {syncBuiltinESMExports} from 'node:module';
import timers from 'node:timers/promises';

const RealDate = Date;
const realSleep = timers.setTimeout;
let aheadMs = 0;

class FastDate extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length ? given : [FastDate.now()]) as [number]));
  }

  static override now(): number {
    return RealDate.now() + aheadMs;
  }
}

globalThis.Date = FastDate as DateConstructor;
timers.setTimeout = async (ms, value, options) => {
  aheadMs += ms ?? 0;
  // A moment of real time, so that requests to the program are answered and a signal is heard.
  return realSleep(1, value, options);
};
syncBuiltinESMExports();
