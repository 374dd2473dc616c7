import {fakeClock} from '../../src/kernel/clock.js';
import type {Anchor, DeployRequest, PlatformCall} from '../../src/platforms/platform.js';
import {openRailway, type RailwayOptions} from '../../src/platforms/railway/railway.js';
import {projectKey, type RunningWorld, shaA, shaB} from './railway-world.js';

/** The adapter against a world, on a clock that does not wait. */
export function adapterAt(running: RunningWorld, options: Partial<RailwayOptions> = {}) {
  const clock = fakeClock();
  const lines: string[] = [];
  const masked: string[] = [];
  const controller = new AbortController();
  const railway = openRailway(
    {token: projectKey, service: 'backend', apiUrl: running.url, pollMs: 5_000, ...options},
    {clock, random: () => 0, mask: (value) => void masked.push(value)},
  );
  const call: PlatformCall = {signal: controller.signal, progress: (line) => void lines.push(line)};
  return {railway, clock, lines, masked, controller, call, timed: {...call, timeoutMs: 900_000}};
}

export const release: DeployRequest = {commit: shaB, release: 'rel-1'};

export function anchorOf(deploymentId: string, facts: Partial<Anchor> = {commit: shaA}): Anchor {
  return {
    component: 'backend',
    platform: 'railway',
    deploymentId,
    hosts: ['api.shop.example'],
    createdAtMs: 0,
    readAtMs: 0,
    restorable: {by: 'rollback'},
    ...facts,
  };
}
