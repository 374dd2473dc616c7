import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {Vercel} from '@vercel/sdk';
import {startVercel, type VercelStandIn, type VercelStandInOptions} from '../../src/rehearsal/vercel/stand-in.js';

// The SDK is generated from the platform's own description of its API and refuses answers that do not fit it.

const team = {id: 'team_acme', slug: 'acme'};
const teamId = team.id;
const projectId = 'prj_shop';
const idOrName = projectId;

let vercel: VercelStandIn;
let sdk: Vercel;
let first: string;
let live: string;

async function start(
  more: Partial<VercelStandInOptions> = {},
  project: Partial<VercelStandInOptions['projects'][number]> = {},
): Promise<void> {
  vercel = await startVercel({
    token: 'token',
    team,
    manual: true,
    teamDomains: ['example.com'],
    projects: [
      {
        id: projectId,
        name: 'shop',
        productionHosts: 2,
        protection: true,
        bypassSecret: 'b'.repeat(32),
        crons: true,
        linkedRepo: {org: 'acme', repo: 'shop'},
        env: [
          {key: 'API_URL', value: 'https://api', type: 'plain'},
          {key: 'SECRET', value: 'hidden', type: 'sensitive'},
          {key: 'TOKEN', value: 'x', target: ['production']},
        ],
        ...project,
      },
    ],
    ...more,
  });
  sdk = new Vercel({bearerToken: 'token', serverURL: vercel.url});
  first = await vercel.seed({projectId, files: {'index.html': 'first'}, promoted: true, commit: 'a'.repeat(40)});
  live = await vercel.seed({projectId, files: {'index.html': 'live'}, promoted: true, meta: {release: 'r1'}});
}

beforeEach(() => start());
afterEach(() => vercel.close());

async function inline(more: Record<string, unknown> = {}) {
  const files = [
    {file: 'index.html', data: 'new'},
    {file: 'app.js', data: '1'},
  ];
  return (await sdk.deployments.createDeployment({
    teamId,
    requestBody: {name: 'shop', target: 'production', files, ...more},
  })) as {id: string; readyState: string};
}

describe('@vercel/sdk accepts every answer it reads', () => {
  test('creating, reading and listing deployments in each state', async () => {
    const made = await inline({meta: {release: 'r2'}});
    expect(made.readyState).toBe('QUEUED');
    const states = [];
    for (let step = 0; step < 7; step++) {
      states.push((await sdk.deployments.getDeployment({idOrUrl: made.id, teamId})).readyState);
      await sdk.deployments.getDeployments({teamId, projectId});
      vercel.advance(20);
    }
    expect([...new Set(states)]).toEqual(['QUEUED', 'INITIALIZING', 'BUILDING', 'READY']);
    const listed = await sdk.deployments.getDeployments({teamId, projectId, target: 'production', state: 'READY'});
    expect(listed.deployments.map((one) => [one.uid, one.isRollbackCandidate])).toEqual([
      [made.id, false],
      [live, true],
      [first, true],
    ]);
  });

  test.each(['error', 'canceled', 'blocked', 'alias-error', 'check-failed'] as const)(
    'a deployment that ends %s',
    async (outcome) => {
      vercel.script.next(outcome);
      const {id} = await inline();
      vercel.advance(1_000);
      const read = await sdk.deployments.getDeployment({idOrUrl: id, teamId});
      await sdk.deployments.getDeployments({teamId, projectId});
      await sdk.deployments.getDeploymentEvents({idOrUrl: id, teamId});
      const state = {
        error: 'ERROR',
        canceled: 'CANCELED',
        blocked: 'BLOCKED',
        'alias-error': 'READY',
        'check-failed': 'READY',
      }[outcome];
      expect(read.readyState).toBe(state);
      expect(vercel.state().projects[0]!.live).toBe(live);
    },
  );

  test('instant pages, log events, files, cancel and delete', async () => {
    const instant = await sdk.deployments.createDeployment({
      teamId,
      requestBody: {name: 'shop', files: [{file: 'index.html', data: 'x'}]},
    });
    expect(instant).toMatchObject({readyState: 'READY', aliasAssigned: true});
    const made = await inline();
    expect((await sdk.deployments.cancelDeployment({id: made.id, teamId})).readyState).toBe('CANCELED');
    await expect(sdk.deployments.cancelDeployment({id: made.id, teamId})).rejects.toMatchObject({statusCode: 400});
    expect(await sdk.deployments.listDeploymentFiles({id: made.id, teamId})).toMatchObject([
      {name: 'src', children: [{name: 'index.html'}, {name: 'app.js'}]},
    ]);
    const ready = await inline();
    vercel.advance(1_000);
    const events = (await sdk.deployments.getDeploymentEvents({idOrUrl: ready.id, teamId})) as unknown[];
    expect(events.length).toBeGreaterThan(3);
    expect(await sdk.deployments.deleteDeployment({id: ready.id, teamId})).toEqual({uid: ready.id, state: 'DELETED'});
    await expect(sdk.deployments.getDeployment({idOrUrl: ready.id, teamId})).rejects.toMatchObject({statusCode: 404});
  });

  test('an upload by digest, and the refusal of bytes that do not match it', async () => {
    const {createHash} = await import('node:crypto');
    const bytes = Buffer.from('console.log(2)');
    const digest = createHash('sha1').update(bytes).digest('hex');
    expect(
      await sdk.deployments.uploadFile({
        teamId,
        xVercelDigest: digest,
        contentLength: bytes.length,
        requestBody: bytes,
      } as never),
    ).toEqual({urls: []});
    await expect(
      sdk.deployments.uploadFile({teamId, xVercelDigest: '0'.repeat(40), requestBody: bytes} as never),
    ).rejects.toMatchObject({statusCode: 400});
  });

  test('project reads before, during and after a promotion and a rollback', async () => {
    const read = () => sdk.projects.getProject({idOrName, teamId});
    expect((await read()).targets?.production?.id).toBe(live);
    const {id} = await inline({meta: {twin: 'ready'}});
    vercel.advance(1_000);
    await sdk.projects.requestRollback({projectId, deploymentId: live, teamId});
    expect((await read()).lastAliasRequest).toMatchObject({
      type: 'rollback',
      jobStatus: 'pending',
      fromDeploymentId: id,
      toDeploymentId: live,
    });
    vercel.advance(25);
    expect((await read()).lastAliasRequest?.jobStatus).toBe('in-progress');
    vercel.advance(1_000);
    const back = await read();
    expect([back.lastAliasRequest?.jobStatus, back.targets?.production?.id, back.autoAssignCustomDomains]).toEqual([
      'succeeded',
      live,
      false,
    ]);
    await sdk.projects.requestPromote({projectId, deploymentId: id, teamId});
    const during = await sdk.projects.listPromoteAliases({projectId, teamId});
    expect(during).toMatchObject({aliases: [{status: 'pending'}, {status: 'pending'}]});
    vercel.advance(1_000);
    expect(await sdk.projects.listPromoteAliases({projectId, teamId})).toMatchObject({
      aliases: [{status: 'completed'}, {status: 'completed'}],
    });
    expect((await read()).targets?.production?.id).toBe(id);
    await expect(sdk.projects.requestPromote({projectId, deploymentId: id, teamId})).rejects.toMatchObject({
      statusCode: 409,
    });
    expect((await sdk.projects.getProjects({teamId})) as object).toMatchObject({projects: [{id: projectId}]});
  });

  test('changing a project, pausing it, and its bypass secrets', async () => {
    expect(
      (
        await sdk.projects.updateProject({
          idOrName,
          teamId,
          requestBody: {autoExposeSystemEnvs: undefined, directoryListing: false},
        })
      ).id,
    ).toBe(projectId);
    await sdk.projects.pauseProject({projectId, teamId});
    expect(vercel.state().projects[0]!.paused).toBe(true);
    await sdk.projects.unpauseProject({projectId, teamId});
    const made = await sdk.projects.updateProjectProtectionBypass({
      idOrName,
      teamId,
      requestBody: {generate: {note: 'ci'}},
    });
    const secrets = Object.keys(made.protectionBypass ?? {});
    expect(secrets).toHaveLength(2);
    const left = await sdk.projects.updateProjectProtectionBypass({
      idOrName,
      teamId,
      requestBody: {revoke: {secret: secrets[0]!, regenerate: false}},
    });
    expect(Object.keys(left.protectionBypass ?? {})).toEqual([secrets[1]]);
  });

  test('aliases: assign, read, list, delete', async () => {
    const assigned = await sdk.aliases.assignAlias({id: first, teamId, requestBody: {alias: 'demo.example.com'}});
    expect(assigned.oldDeploymentId).toBeUndefined();
    const moved = await sdk.aliases.assignAlias({id: live, teamId, requestBody: {alias: 'demo.example.com'}});
    expect(moved.oldDeploymentId).toBe(first);
    await expect(
      sdk.aliases.assignAlias({id: live, teamId, requestBody: {alias: 'demo.example.com'}}),
    ).rejects.toMatchObject({statusCode: 409});
    expect((await sdk.aliases.getAlias({idOrAlias: 'demo.example.com', teamId})).deploymentId).toBe(live);
    expect((await sdk.aliases.listAliases({teamId, projectId})).aliases.length).toBeGreaterThanOrEqual(3);
    expect((await sdk.aliases.listDeploymentAliases({id: live, teamId})).aliases.map((one) => one.alias)).toContain(
      'demo.example.com',
    );
    expect(await sdk.aliases.deleteAlias({aliasId: assigned.uid, teamId})).toEqual({status: 'SUCCESS'});
  });

  test('project domains', async () => {
    const listed = await sdk.projects.getProjectDomains({idOrName, teamId, production: 'true'});
    expect(listed.domains.map((one) => one.name).toSorted((a, b) => a.localeCompare(b))).toEqual(
      vercel.productionHosts(projectId).toSorted((a, b) => a.localeCompare(b)),
    );
    expect(
      (await sdk.projects.addProjectDomain({idOrName, teamId, requestBody: {name: 'www.example.com'}})).apexName,
    ).toBe('example.com');
    expect((await sdk.projects.getProjectDomain({idOrName, domain: 'www.example.com', teamId})).verified).toBe(true);
    await sdk.projects.updateProjectDomain({
      idOrName,
      domain: 'www.example.com',
      teamId,
      requestBody: {redirect: null},
    });
    await sdk.projects.removeProjectDomain({idOrName, domain: 'www.example.com', teamId});
    expect(vercel.productionHosts(projectId)).toHaveLength(2);
  });

  test.each(['hidden-count', 'pagination', 'single'] as const)('environment variables, shape %s', async (envShape) => {
    await vercel.close();
    const only =
      envShape === 'single' ? {env: [{key: 'ONE', value: '1', type: 'plain' as const}]} : {hiddenProductionEnvCount: 2};
    await start({quirks: {envShape}}, only);
    const listed = (await sdk.projects.filterProjectEnvs({idOrName, teamId})) as {
      envs?: unknown[];
      key?: string;
      hiddenProductionEnvCount?: number;
    };
    expect(envShape === 'single' ? listed.key : listed.envs?.length).toBe(envShape === 'single' ? 'ONE' : 3);
    if (envShape === 'hidden-count') expect(listed.hiddenProductionEnvCount).toBe(2);
    const made = await sdk.projects.createProjectEnv({
      idOrName,
      teamId,
      requestBody: {key: 'NEW', value: 'v', type: 'encrypted', target: ['production']},
    });
    expect(made.failed).toEqual([]);
    const id = (made.created as {id: string}).id;
    expect((await sdk.projects.editProjectEnv({idOrName, id, teamId, requestBody: {value: 'w'}})).key).toBe('NEW');
    await sdk.projects.removeProjectEnv({idOrName, id, teamId});
    expect(vercel.state().projects[0]!.env).not.toContain('NEW');
  });

  test('a rolling release from start to completion', async () => {
    await vercel.close();
    await start(
      {},
      {
        rollingRelease: {
          stages: [{targetPercentage: 10}, {targetPercentage: 50, duration: 5}, {targetPercentage: 100}],
        },
      },
    );
    const read = async () => (await sdk.rollingRelease.getRollingRelease({idOrName, teamId})).rollingRelease;
    expect(await read()).toBeNull();
    const {id} = await inline();
    vercel.advance(1_000);
    expect(await read()).toMatchObject({
      state: 'ACTIVE',
      canaryDeployment: {id},
      activeStage: {index: 0, targetPercentage: 10, requireApproval: true},
    });
    await sdk.rollingRelease.approveRollingReleaseStage({
      idOrName,
      teamId,
      requestBody: {nextStageIndex: 1, canaryDeploymentId: id},
    });
    expect((await read())?.activeStage).toMatchObject({index: 1, duration: 300});
    vercel.advance(5 * 60_000);
    expect(await read()).toMatchObject({state: 'COMPLETE', activeStage: null});
    expect(vercel.state().projects[0]).toMatchObject({live: id});
    expect((await sdk.rollingRelease.getRollingReleaseConfig({idOrName, teamId})).rollingRelease?.stages).toHaveLength(
      3,
    );
    const {id: next} = await inline({meta: {release: 'r3'}});
    vercel.advance(1_000);
    await sdk.rollingRelease.completeRollingRelease({idOrName, teamId, requestBody: {canaryDeploymentId: next}});
    expect(vercel.state().projects[0]).toMatchObject({live: next});
  });

  test('the account and its team', async () => {
    expect((await sdk.user.getAuthUser())?.user.username).toBe('rehearsal');
    expect((await sdk.teams.getTeams({})).teams).toMatchObject([{slug: 'acme'}]);
    expect(await sdk.teams.getTeam({teamId})).toMatchObject({id: teamId});
  });
});
