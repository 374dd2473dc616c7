import {setTimeout as sleep} from 'node:timers/promises';
import {serving} from '../outside.js';
import {names, secrets, type World} from '../world.js';

/** What production was before something happened to it, read from the stand-ins' state. */
export interface Look {
  readonly frontend: string;
  /** Commit that the backend runs. */
  readonly backend: string;
  readonly vercelIds: ReadonlySet<string>;
  readonly railwayIds: ReadonlySet<string>;
}

export async function lookAt(world: World): Promise<Look> {
  const {frontend, backend} = await serving(world);
  return {
    frontend,
    backend,
    vercelIds: new Set(world.vercel.state().deployments.map((one) => one.id)),
    railwayIds: new Set(world.railway.state().deployments.map((one) => one.id)),
  };
}

/** Deployments that came since. */
export function madeSince(world: World, before: Look) {
  return {
    vercel: world.vercel.state().deployments.filter((one) => !before.vercelIds.has(one.id)),
    railway: world.railway.state().deployments.filter((one) => !before.railwayIds.has(one.id)),
  };
}

const railwayInFlight = ['QUEUED', 'WAITING', 'NEEDS_APPROVAL', 'INITIALIZING', 'BUILDING', 'DEPLOYING'];

/** Deployments of another commit than `commit` that would go live although nobody waits for them any more. */
export function inFlightLeft(world: World, commit: string): string[] {
  return world.railway
    .state()
    .deployments.filter((one) => railwayInFlight.includes(one.status) && one.commit !== commit)
    .map((one) => `Railway's ${one.id} of commit ${one.commit?.slice(0, 7)} is still ${one.status} and will go live`);
}

/** Waits until nothing moves any more. */
export async function standstill(world: World): Promise<void> {
  await Promise.race([world.railway.settled(), sleep(20_000, undefined, {ref: false})]);
}

/** Reads the whole ledger by the product's own reader; throws when it cannot. @returns the number of releases. */
export type ReadLedger = (githubUrl: string) => Promise<number>;

/** The product's own reader must find each release that GitHub holds. */
export async function unreadable(world: World, read: ReadLedger): Promise<string[]> {
  const held = world.github.deployments('switchback-release').length;
  try {
    const listed = await read(world.github.url);
    return listed === held ? [] : [`the ledger lists ${listed} of ${held} releases`];
  } catch (error) {
    return [`the ledger cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/**
 * What users get when nothing moves any more. Asked several times: a busy machine lets a request to the small product
 * fail now and then, which says nothing about what a kill left behind.
 */
export async function servingAtRest(world: World): ReturnType<typeof serving> {
  let now = await serving(world);
  for (let again = 0; again < 5 && !now.answers; again++) {
    await sleep(1_000);
    now = await serving(world);
  }
  return now;
}

/** Does a user get the page or the refusal of maintenance mode? */
export async function maintenanceSeen(world: World): Promise<{readonly frontend: boolean; readonly backend: boolean}> {
  const [page, api] = await Promise.all([fetch(world.frontendUrl), fetch(`${world.backendUrl}/api/items`)]);
  await Promise.all([page.arrayBuffer(), api.arrayBuffer()]);
  return {frontend: page.status === 503, backend: api.status === 429};
}

/** As an operator does who has found the cause. */
export async function releasePins(world: World): Promise<void> {
  for (const pin of world.github.pins()) {
    const answer = await fetch(
      `${world.github.url}/repos/${names.owner}/${names.repository}/deployments/${pin.id}/statuses`,
      {
        method: 'POST',
        headers: {authorization: `Bearer ${secrets.githubToken}`, 'user-agent': 'operator'},
        body: JSON.stringify({state: 'inactive', description: 'released'}),
      },
    );
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`a pin could not be released: ${answer.status}`);
  }
}
