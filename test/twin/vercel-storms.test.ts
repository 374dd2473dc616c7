import {afterAll, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {Failure} from '../../src/kernel/errors.js';
import type {FaultKind} from '../../src/rehearsal/stand-in.js';
import {vercelFaults} from '../../src/rehearsal/vercel/stand-in.js';
import {commit, type VercelWorld, vercelWorld} from './vercel-world.js';

/**
 * Faults by the handful, anywhere in a whole release and its rollback, against the stand-in. Whatever happens: at most
 * one deployment, every failure says what to do, production is always on one of the two deployments that it should be
 * on, and running the same again without faults gets there.
 */
const kinds: Readonly<Record<string, () => FaultKind>> = {
  429: () => vercelFaults.tooManyRequests(),
  500: vercelFaults.serverError,
  502: vercelFaults.badGateway,
  503: () => vercelFaults.unavailable(2),
  401: vercelFaults.unauthorized,
  delay: () => vercelFaults.delay(5),
  before: vercelFaults.closeBefore,
  after: vercelFaults.closeAfter,
};

interface Storm {
  readonly kind: string;
  readonly skip: number;
  readonly times: number;
}
const storm: fc.Arbitrary<Storm> = fc.record({
  kind: fc.constantFrom(...Object.keys(kinds)),
  skip: fc.nat({max: 30}),
  times: fc.integer({min: 1, max: 8}),
});

let [releases, failures] = [0, 0];
afterAll(() => {
  process.stdout.write(
    `vercel storms: ${releases} releases, ${failures} steps failed clearly and passed when run again\n`,
  );
});

async function persist<T>(world: VercelWorld, step: () => Promise<T>): Promise<T> {
  for (;;) {
    const {faults} = world.standIn;
    const isCalm = faults.every(({times}) => (times ?? 1) <= 0);
    try {
      return await step();
    } catch (error) {
      if (isCalm) throw error;
      failures++;
      expect(error).toBeInstanceOf(Failure);
      expect((error as Failure).remedy.length).toBeGreaterThan(10);
      // Some of the storm has passed when the next run begins.
      faults.splice(0, 1);
    }
  }
}

describe('storms', () => {
  test('never make a second deployment, nor leave production anywhere else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(storm, {minLength: 1, maxLength: 4}),
        fc.array(storm, {maxLength: 3}),
        async (first, second) => {
          await using world = await vercelWorld();
          const brew = (storms: readonly Storm[]) =>
            world.standIn.faults.splice(
              0,
              99,
              ...storms.map(({kind, skip, times}) => ({route: '*', fault: kinds[kind]!(), skip, times})),
            );
          brew(first);
          const staged = await persist(world, () =>
            world.open().deploy({commit, release: 'r-1', path: world.folder}, world.call()),
          );
          expect(staged.outcome).toBe('ready');
          expect(world.served()).toEqual([world.former]);
          await persist(world, () => world.open().promote(staged.deploymentId, world.call()));
          expect(world.served()).toEqual([staged.deploymentId]);
          brew(second);
          await persist(world, () =>
            world.open().rollback(world.anchor(), {...world.call(), abandoned: [staged.deploymentId], reason: 'storm'}),
          );
          expect(world.served()).toEqual([world.former]);
          expect(world.standIn.state().deployments).toHaveLength(2);
          expect(world.standIn.violations).toEqual([]);
          releases++;
        },
      ),
      {numRuns: 60},
    );
  }, 120_000);
});
