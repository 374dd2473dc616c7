import {expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import type {Traffic, TrafficWindow} from '../../src/platforms/railway/traffic.js';
import {railwayTraffic} from '../../src/release/gate-traffic.js';

const signal = new AbortController().signal;

function source(answer: (window: TrafficWindow) => Traffic) {
  const clock = fakeClock(1_000_000);
  const asked: TrafficWindow[] = [];
  const traffic = railwayTraffic(
    {
      traffic: async (window) => {
        asked.push(window);
        return answer(window);
      },
    },
    clock.now(),
    clock,
    () => {},
  );
  return {clock, asked, traffic};
}

const measured = (window: TrafficWindow): Traffic => ({
  state: 'measured',
  window,
  requests: 100,
  byStatus: {200: 90, 404: 4, 500: 5, 503: 1},
  duration: {p50Ms: 10, p90Ms: 20, p95Ms: 30, p99Ms: 40},
});

test('a minute is read a minute after its end, once, and starts after the old deployment drained', async () => {
  const {clock, asked, traffic} = source(measured);
  expect(await traffic.read(signal)).toEqual([]);
  clock.advance(129_000);
  expect(await traffic.read(signal)).toEqual([]);
  clock.advance(1_000);
  expect(await traffic.read(signal)).toEqual([
    {source: 'traffic backend', atMs: 1_070_000, requests: 100, errors: 6, p95Ms: 30},
  ]);
  expect(await traffic.read(signal)).toEqual([]);
  clock.advance(120_000);
  expect(await traffic.read(signal)).toHaveLength(2);
  expect(asked.map(({startMs, endMs}) => [startMs, endMs])).toEqual([
    [1_010_000, 1_070_000],
    [1_070_000, 1_130_000],
    [1_130_000, 1_190_000],
  ]);
});

test('a minute without requests is left out, and an answer that failed is asked for again', async () => {
  let broken = true;
  const {clock, asked, traffic} = source((window) => {
    if (broken) throw new Error('no answer');
    return {state: 'empty', window};
  });
  clock.advance(130_000);
  await expect(traffic.read(signal)).rejects.toThrow('no answer');
  broken = false;
  expect(await traffic.read(signal)).toEqual([]);
  expect(asked).toHaveLength(2);
  expect(asked[0]).toEqual(asked[1]);
});
