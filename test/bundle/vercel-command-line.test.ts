import {resolve} from 'node:path';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {names, secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import {CliSession, vercelCli, vercelCliVersion} from '../contract/vercel-cli.js';
import {runBundle} from './bundle.js';

/** What the actions made in a rehearsed world, as the platform's own command line sees it. */

const entry = await vercelCli();
const tests = entry === undefined ? test.skip : test;
let world: World;

beforeAll(async () => {
  world = await startWorld(resolve(import.meta.dirname, '..', '..', '.rehearsal', 'tests'));
}, 90_000);
afterAll(() => world.close());

async function step(action: string, inputs: Readonly<Record<string, string>>) {
  const done = await runBundle(action, {
    inputs: {'vercel-token': secrets.vercelToken, 'github-token': secrets.githubToken, ...inputs},
    workspace: world.product.dir,
    env: {GITHUB_API_URL: world.github.url, GITHUB_REPOSITORY: `${names.owner}/${names.repository}`},
  });
  expect({log: done.logWithoutMasks, exit: done.exitCode}).toMatchObject({exit: 0});
  return done.outputs;
}

tests(
  `vercel ${vercelCliVersion} lists the deployments of a release and agrees which is live`,
  async () => {
    const commit = await world.product.release('v2');
    const where = {url: world.vercel.url, token: secrets.vercelToken, scope: names.owner};
    const link = {projectId: names.vercelProject, orgId: names.vercelTeam, projectName: 'shop'};
    await using session = await CliSession.open(entry!, where, link);
    const host = new URL(world.frontendUrl).host;
    const urlOf = (id: string) => world.vercel.state().deployments.find((one) => one.id === id)!.url;
    const before = world.vercel.state().projects[0]!.live!;
    const staged = (await step('deploy', {component: 'frontend', commit, release: 'r-cli'}))['deployment-id']!;

    const listed = await session.run('ls', 'shop');
    expect([listed.code, listed.stdout.trim().split('\n')]).toEqual([
      0,
      [staged, before].map((id) => `https://${urlOf(id)}`),
    ]);
    // Staged: the command line still finds the former one behind the production domain.
    expect((await session.run('inspect', host)).stderr).toContain(before);

    await step('promote', {release: 'r-cli', 'frontend-deployment': staged});
    const inspected = await session.run('inspect', host);
    expect([inspected.code, inspected.stderr]).toEqual([0, expect.stringContaining(staged)]);
    expect(inspected.stderr).toMatch(/target\s+production/);
  },
  240_000,
);
