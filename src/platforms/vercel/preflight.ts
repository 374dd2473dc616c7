import {Failure, isAbort} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {Finding, Platform, PlatformCall} from '../platform.js';
import type {Vercel} from './context.js';
import {presence, readEnvironment} from './environment.js';
import {readHosts} from './hosts.js';
import {record, text} from './json.js';
import {readLive} from './live.js';
import {type Domain, isRolledBack, isRunning, type Project, readDomains, readProject} from './project.js';
import {activeRollingRelease} from './promote.js';
import {together} from './together.js';

type Requirements = Parameters<Platform['preflight']>[0];

const area = 'Vercel';
const ok = (check: string, found: string): Finding => ({area, check, state: 'ok', found});
const finding = (state: 'warning' | 'problem' | 'unknown', check: string, found: string, remedy: string): Finding => ({
  area,
  check,
  state,
  found,
  remedy,
});

/**
 * Everything that would make a release on Vercel fail or surprise, found without a write. Each row stands alone: one
 * that cannot be checked says so and the others go on.
 */
export async function preflight(vercel: Vercel, requirements: Requirements, call: PlatformCall): Promise<Finding[]> {
  const project = await attempt('token and project', () => readProject(vercel, call));
  if ('state' in project) return [project];
  const rows = await together([
    [reach(vercel, project), pause(project), assignment(project), job(project), protection(vercel, project)],
    part('production domains', () => domains(vercel, project, call)),
    part('rolling release', () => rollingRelease(vercel, project, call)),
    part('anchor', () => anchor(vercel, call)),
    part('required variables', () => variables(vercel, project, requirements.requiredVariables, call)),
  ]);
  return [...rows.flat(), ...repository(project, requirements.repository)];
}

async function attempt<T>(check: string, work: () => Promise<T>): Promise<T | Finding> {
  try {
    return await work();
  } catch (error) {
    if (isAbort(error) || !(error instanceof Failure)) throw error;
    // An outage says nothing about the thing that was to be checked.
    return finding(error.retryable ? 'unknown' : 'problem', check, oneLine(error.message, 400), error.remedy);
  }
}

async function part(check: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  const result = await attempt(check, work);
  return Array.isArray(result) ? result : [result];
}

/** A token is only known by what it reaches: asking who it belongs to is refused for project-scoped ones. */
function reach(vercel: Vercel, project: Project): Finding {
  const {team} = vercel.settings;
  const owner = project.teamId ? `team ${project.teamId}` : 'a personal account';
  if (team?.startsWith('team_') && project.teamId !== undefined && project.teamId !== team) {
    return finding(
      'problem',
      'token and project',
      `the project ${project.name} belongs to ${owner}, not to ${team}`,
      'Correct `team`, or the project.',
    );
  }
  return ok('token and project', `the token reads ${oneLine(project.name, 100)} (${project.id}) of ${owner}`);
}

function pause(project: Project): Finding {
  if (!project.paused) return ok('project is not paused', 'it serves');
  return finding(
    'problem',
    'project is not paused',
    'it is paused: its hosts answer 503',
    'Unpause it in the project’s settings, or end maintenance.',
  );
}

function assignment(project: Project): Finding {
  const check = 'assignment of production domains';
  if (isRolledBack(project)) {
    const why = project.rollbackReason ? ` (${oneLine(project.rollbackReason, 200)})` : '';
    return finding(
      'warning',
      check,
      `the project is in rolled-back state${why}: production follows no deployment until one is promoted`,
      'Nothing to do for a release by Switchback, which always promotes; other ways to deploy will seem to do nothing.',
    );
  }
  if (!project.autoAssign) return ok(check, 'automatic assignment is off: production moves by promotion only');
  const link = record(project.raw.link);
  if (!link) return ok(check, 'automatic assignment is on, and no repository is connected that could use it');
  return finding(
    'warning',
    check,
    'a repository is connected and automatic assignment is on: each push to its production branch goes live by itself, past the gate',
    'Turn off "Auto-assign Custom Production Domains" in the project’s settings, or disconnect the repository (`git.deploymentEnabled: false` in vercel.json).',
  );
}

function job(project: Project): Finding {
  const check = 'no other change under way';
  if (!isRunning(project.lastJob)) return ok(check, 'no promotion or rollback is running');
  return finding(
    'problem',
    check,
    `a ${oneLine(project.lastJob.type, 40)} to ${oneLine(project.lastJob.toDeploymentId ?? 'an unknown deployment', 60)} is running`,
    'Wait until it has ended, then run again.',
  );
}

/** With protection on, every probe of the staged deployment would see a login page and judge that. */
function protection(vercel: Vercel, project: Project): Finding {
  const check = 'staged deployments can be probed';
  const wall = protectionOf(project);
  const secret = vercel.settings.protectionBypass;
  if (!wall) return ok(check, 'deployment addresses are not protected');
  const known = record(project.raw.protectionBypass);
  const remedy =
    'Create a secret under "Protection Bypass for Automation" in the project’s settings and pass it as the protection bypass.';
  if (!secret)
    return finding(
      'problem',
      check,
      `deployment addresses are protected (${wall}) and no bypass secret was given`,
      remedy,
    );
  if (known && Object.keys(known).length > 0 && !Object.hasOwn(known, secret)) {
    return finding(
      'problem',
      check,
      `deployment addresses are protected (${wall}) and the given bypass secret is not one of the project’s`,
      remedy,
    );
  }
  if (!known)
    return finding(
      'warning',
      check,
      `deployment addresses are protected (${wall}); the token may not see whether the given secret is valid`,
      'Compare the secret with the one in the project’s settings when probes see a login page.',
    );
  return ok(check, `deployment addresses are protected (${wall}); the bypass secret is one of the project’s`);
}

function protectionOf(project: Project): string | undefined {
  const covers = (type: string | undefined) => type !== undefined && type !== 'preview';
  for (const [key, name] of [
    ['ssoProtection', 'Vercel Authentication'],
    ['passwordProtection', 'password'],
    ['trustedIps', 'trusted IPs'],
  ] as const) {
    if (covers(text(record(project.raw[key])?.deploymentType))) return name;
  }
  return undefined;
}

async function domains(vercel: Vercel, project: Project, call: PlatformCall): Promise<Finding[]> {
  const check = 'production domains';
  const found = await readDomains(vercel, call);
  const hosts = vercel.settings.productionHosts?.length ? vercel.settings.productionHosts : verified(found);
  if (hosts.length === 0)
    return [
      finding(
        'warning',
        check,
        'the project has no verified production domain: a promotion can only be read back from the project itself',
        'Add and verify a domain, or name the hosts in `productionHosts`.',
      ),
    ];
  const rows = found
    .filter((domain) => !domain.verified)
    .map(({name}) =>
      finding(
        'warning',
        check,
        `${oneLine(name, 100)} is not verified and serves nothing`,
        'Finish its verification on the project’s Domains page, or remove it.',
      ),
    );
  const readings = await readHosts(vercel, hosts, call);
  const served = new Set(readings.map(({deploymentId}) => deploymentId ?? 'nothing'));
  if (served.size > 1)
    return [
      ...rows,
      finding(
        'problem',
        check,
        `the hosts serve different deployments: ${readings.map(({host, deploymentId}) => `${host} ${deploymentId ?? 'nothing'}`).join(', ')}`,
        `Promote ${project.currentId ?? 'the wanted deployment'} again, so that all hosts agree, before the next release.`,
      ),
    ];
  return [...rows, ok(check, `${hosts.join(', ')} serve ${[...served][0]}`)];
}

const verified = (found: readonly Domain[]): string[] =>
  found.filter((domain) => domain.verified).map(({name}) => name);

async function rollingRelease(vercel: Vercel, project: Project, call: PlatformCall): Promise<Finding[]> {
  const check = 'rolling releases are off';
  if (!project.rollingRelease) return [ok(check, 'a promotion moves all traffic at once')];
  const active = await activeRollingRelease(vercel, project, call);
  const found = active
    ? `a rolling release to ${oneLine(active, 60)} is under way`
    : 'they are on: a promotion would move part of the traffic only';
  return [
    finding(
      'problem',
      check,
      found,
      'Complete or abort what is under way, and turn rolling releases off for this project.',
    ),
  ];
}

async function anchor(vercel: Vercel, call: PlatformCall): Promise<Finding[]> {
  const check = 'what is live can be gone back to';
  const live = await readLive(vercel, call);
  if (!live)
    return [
      finding(
        'warning',
        check,
        'nothing is live yet: a failed first release leaves nothing to go back to',
        'Make the first release at a time when nobody depends on it.',
      ),
    ];
  const commit = live.commit ? ` of commit ${live.commit.slice(0, 7)}` : '';
  if (live.restorable.by === 'none')
    return [
      finding(
        'problem',
        check,
        `${live.deploymentId}${commit} cannot be: ${live.restorable.why}`,
        live.restorable.remedy,
      ),
    ];
  return [ok(check, `${live.deploymentId}${commit}, ready and kept`)];
}

async function variables(
  vercel: Vercel,
  project: Project,
  names: readonly string[],
  call: PlatformCall,
): Promise<Finding[]> {
  if (names.length === 0) return [];
  const environment = await readEnvironment(vercel, project.id, call);
  const where = 'https://vercel.com/docs/environment-variables';
  return names.map((name) => {
    const check = `variable ${oneLine(name, 80)}`;
    const state = presence(environment, name);
    if (state === 'present') return ok(check, 'set for production');
    if (state === 'unknown')
      return finding(
        'unknown',
        check,
        `not among the variables that could be read, and ${environment.incomplete}`,
        'Look in the project’s settings, or use a token that may list all variables.',
      );
    return finding(
      'problem',
      check,
      'not set for production',
      `Add it to the project for production (${where}); only deployments built later see it.`,
    );
  });
}

function repository(project: Project, expected: string | undefined): Finding[] {
  const link = record(project.raw.link);
  const [owner, name] = [text(link?.org) ?? text(link?.owner), text(link?.repo)];
  if (!expected || !owner || !name) return [];
  const linked = `${owner}/${name}`;
  if (linked.toLowerCase() === expected.toLowerCase()) return [ok('connected repository', linked)];
  return [
    finding(
      'warning',
      'connected repository',
      `the project is connected to ${oneLine(linked, 120)}, and this run is for ${oneLine(expected, 120)}`,
      'Check that `project` is the right one.',
    ),
  ];
}
