import {spawn} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, describe, expect, test} from '@jest/globals';
import {transformFileSync} from '@swc/core';
import {
  environmentId,
  type Fixture,
  projectToken,
  serviceId,
  startFixture,
  until,
  workFolder,
} from './railway-stand-in.fixture.js';

/** What goes wrong between a caller and the platform; and what happens to processes when everything is over. */

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});

const read = 'query($s: String!, $e: String!) { serviceInstance(serviceId: $s, environmentId: $e) { id } }';
const scope = {s: serviceId, e: environmentId};
const deployDocument =
  'mutation($s: String!, $e: String!, $c: String) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e, commitSha: $c) }';

describe('a request', () => {
  test('is journalled under its root fields, without its token', async () => {
    fixture = await startFixture();
    await fixture.ask(read, scope);
    await fixture.ask('query { projectToken { id } platformStatus { isStable } }');
    expect(fixture.railway.requests.map(({operation, status}) => [operation, status])).toEqual([
      ['serviceInstance', 200],
      ['projectToken+platformStatus', 200],
    ]);
    expect(JSON.stringify(fixture.railway.requests)).not.toContain(projectToken);
  });

  test.each<[status: 200 | 400]>([[200], [400]])(
    'with a field that is not in the schema is refused with %s',
    async (status) => {
      fixture = await startFixture({}, {answers: {validationStatus: status}});
      expect(await fixture.ask('query { platformStatus { isFine } }')).toMatchObject({
        status,
        errors: [
          {
            message: expect.stringContaining('Cannot query field "isFine"'),
            extensions: {code: 'GRAPHQL_VALIDATION_FAILED'},
          },
        ],
      });
    },
  );

  test('that cannot be parsed is refused with 400', async () => {
    fixture = await startFixture();
    expect(await fixture.ask('query {')).toMatchObject({
      status: 400,
      errors: [{extensions: {code: 'GRAPHQL_PARSE_FAILED'}}],
    });
  });

  test('whose variable has the wrong type is bad input', async () => {
    fixture = await startFixture();
    expect(await fixture.ask(read, {s: 7, e: environmentId})).toMatchObject({
      status: 200,
      errors: [{extensions: {code: 'BAD_USER_INPUT'}}],
    });
  });

  test('names the quota of the plan in every answer', async () => {
    fixture = await startFixture({}, {plan: 'pro', answers: {rateLimitHeaders: true}});
    const {headers} = await fixture.ask(read, scope);
    expect(headers.get('ratelimit-policy')).toBe('"default";q=10000;w=3600');
    expect(headers.get('x-ratelimit-limit')).toBe('10000');
  });

  test('beyond the quota is refused with 429 until the hour is over', async () => {
    fixture = await startFixture({}, {plan: 'free', answers: {quotaEnforced: true}});
    for (let i = 0; i < 100; i++) await fixture.ask('query { platformStatus { isStable } }');
    const refused = await fixture.ask(read, scope);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    fixture.railway.advance(3_600_001);
    expect(await fixture.ask(read, scope)).toMatchObject({status: 200});
  });

  test('to the bare path is refused with 429 where that answer is chosen', async () => {
    fixture = await startFixture({}, {answers: {queryStringRequired: true}});
    const bare = await fetch(`${fixture.railway.url}/graphql/v2`, {
      method: 'POST',
      body: JSON.stringify({query: read, variables: scope}),
    });
    expect(bare.status).toBe(429);
    expect(await fixture.ask(read, scope)).toMatchObject({status: 200});
  });

  test('of a project token without the right is refused', async () => {
    fixture = await startFixture({}, {answers: {projectTokenLacks: ['serviceInstanceAutoDeployUpdate']}});
    expect(
      await fixture.ask(
        'mutation($s: String!, $e: String!) { serviceInstanceAutoDeployUpdate(input: {enabled: false, environmentId: $e, serviceId: $s, projectId: "project-1"}) { enabled } }',
        scope,
      ),
    ).toMatchObject({status: 200, errors: [{message: 'Not Authorized'}]});
  });
});

describe('a fault', () => {
  test('of the transport hits the named operation as often as asked for', async () => {
    fixture = await startFixture();
    fixture.railway.faults.push({route: 'serviceInstance', fault: {kind: 'status', status: 503, body: '{}'}, times: 2});
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await fixture.ask(read, scope)).status);
    expect(statuses).toEqual([503, 503, 200]);
  });

  test.each<[kind: 'close-before' | 'close-after', made: number]>([
    ['close-before', 0],
    ['close-after', 1],
  ])('%s leaves %d deployments behind, and no answer', async (kind, made) => {
    fixture = await startFixture();
    fixture.railway.faults.push({route: 'serviceInstanceDeployV2', fault: {kind}});
    await expect(fixture.ask(deployDocument, {...scope, c: fixture.commits.good})).rejects.toThrow('fetch failed');
    await fixture.railway.settled();
    expect(fixture.railway.state().deployments).toHaveLength(made);
  });

  test.each<[afterEffect: boolean, made: number]>([
    [false, 0],
    [true, 1],
  ])('of GraphQL comes with HTTP 200; after the effect: %s', async (afterEffect, made) => {
    fixture = await startFixture();
    fixture.railway.graphqlFaults.push({
      operation: 'serviceInstanceDeployV2',
      message: 'Problem processing request',
      afterEffect,
    });
    expect(await fixture.ask(deployDocument, {...scope, c: fixture.commits.good})).toMatchObject({
      status: 200,
      errors: [{message: 'Problem processing request', extensions: {code: 'INTERNAL_SERVER_ERROR'}}],
    });
    expect(fixture.railway.state().deployments).toHaveLength(made);
  });
});

describe('the end', () => {
  test('closing ends every process, also of deployments still on their way', async () => {
    const started = await startFixture();
    await started.railway.seedLive(serviceId, started.commits.good);
    await started.deploy(started.commits.unhealthy);
    await until(
      () => started.railway.processes === 2,
      () => 'two processes should live',
    );
    const pids = started.railway.state().deployments.map(({pid}) => pid!);
    await started[Symbol.asyncDispose]();
    expect(started.railway.processes).toBe(0);
    expect(pids.map(isAlive)).toEqual([false, false]);
    await expect(fetch(started.railway.url)).rejects.toThrow('fetch failed');
  });

  test('a parent that is killed takes every process with it', async () => {
    const folder = workFolder();
    const compiled = transformFileSync('src/rehearsal/railway/container.ts', {
      jsc: {target: 'es2022', parser: {syntax: 'typescript'}},
      module: {type: 'es6'},
    });
    writeFileSync(join(folder, 'container.mjs'), compiled.code);
    writeFileSync(join(folder, 'parent.mjs'), parentCode);
    const parent = spawn(process.execPath, [join(folder, 'parent.mjs')], {stdio: ['ignore', 'pipe', 'inherit']});
    const pids = (
      await new Promise<string>((resolve) => parent.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())))
    )
      .trim()
      .split(' ')
      .map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    parent.kill('SIGKILL');
    await until(
      () => pids.every((pid) => !isAlive(pid)),
      () => `${pids.join(' ')} should be gone`,
    );
    rmSync(folder, {recursive: true});
  });
});

/** Starts two children, and says their numbers once both run. */
const parentCode = `
import {Containers} from './container.mjs';
const containers = new Containers();
const plan = (port) => ({command: ['node', '-e', 'setInterval(() => {}, 1000)'], folder: '.', env: {}, port, onLine: () => {}});
const pids = [containers.start(plan(1)).pid, containers.start(plan(2)).pid];
setTimeout(() => console.log(pids.join(' ')), 200);
setInterval(() => {}, 1000);
`;

/** A process that ended and that nobody has asked about yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '');
  } catch {
    return false;
  }
}
