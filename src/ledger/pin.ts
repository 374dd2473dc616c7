import {isMoment, parseJson} from './record.js';
import type {Pin} from './store.js';

type PinFacts = Omit<Pin, 'id' | 'createdAtMs'>;

/** A pin as it is stored; texts are cut, since anyone may read them in a table later. */
export function makePin(pin: PinFacts): {readonly schema: 'switchback-pin/1'} & PinFacts {
  return {
    schema: 'switchback-pin/1',
    who: pin.who.slice(0, 80),
    why: pin.why.slice(0, 300),
    untilMs: pin.untilMs,
    ...(pin.release && {release: pin.release}),
  };
}

/** @returns undefined for anything that is not a pin of ours. */
export function parsePin(payload: unknown): PinFacts | undefined {
  const value = typeof payload === 'string' ? parseJson(payload) : payload;
  if (typeof value !== 'object' || value === null) return undefined;
  const {schema, who, why, untilMs, release} = value as Record<string, unknown>;
  if (schema !== 'switchback-pin/1' || !isMoment(untilMs)) return undefined;
  // Nothing but text is read: anything else may throw when it is made into one.
  if (typeof who !== 'string' || typeof why !== 'string') return undefined;
  return {
    who: who.slice(0, 80),
    why: why.slice(0, 300),
    untilMs,
    ...(typeof release === 'string' && {release: release.slice(0, 80)}),
  };
}
