import {type Clock, systemClock} from '../../kernel/clock.js';
import type {Platform, PlatformCall} from '../platform.js';
import {openApi} from './api.js';
import {cancel} from './cancel.js';
import type {Vercel} from './context.js';
import {readLive} from './live.js';
import {settle, type VercelOptions} from './options.js';
import {preflight} from './preflight.js';
import {isRolledBack, productionHosts, readProject} from './project.js';
import {type ProjectSettings, readProjectSettings} from './project-settings.js';
import {promote} from './promote.js';
import {rollback} from './rollback.js';
import {setVariables, type VariablesSet} from './variables.js';

export type {VercelOptions} from './options.js';
export type {ProjectSettings} from './project-settings.js';
export type {VariablesSet} from './variables.js';

/** Whether production domains follow new deployments by themselves. */
export interface AssignmentState {
  readonly autoAssign: boolean;
  /** After an instant rollback: nothing goes live until the next promotion. */
  readonly rolledBack: boolean;
  /** Why, as whoever rolled back said it. Foreign text: clean it before it is shown. */
  readonly reason: string | undefined;
  readonly currentDeploymentId: string | undefined;
}

/** What only Vercel can do or tell. */
export interface VercelExtras {
  /** Headers that let a probe through deployment protection; empty without a bypass secret. Never follow redirects with them. */
  probeHeaders(): Record<string, string>;
  assignmentState(call: PlatformCall): Promise<AssignmentState>;
  /** Hosts that a promotion moves and that are read back after it. */
  productionHosts(call: PlatformCall): Promise<string[]>;
  /** The project's configuration for a backup; names of variables, never values. */
  settings(call: PlatformCall): Promise<ProjectSettings>;
  /** Gives production variables new values, for what is built afterwards, and reads back that they were written. */
  setVariables(values: Readonly<Record<string, string>>, call: PlatformCall): Promise<VariablesSet>;
  /** API requests sent by this instance so far, uploads not counted. */
  requests(): number;
}

export interface VercelDeps {
  readonly clock?: Clock;
  readonly random?: () => number;
}

/**
 * Vercel as a release platform: promotion moves production, rollback is instant. Deploying is `deployer.ts`.
 * @throws refusal VERCEL_OPTIONS for options that cannot work; no request is made here.
 */
export function openVercel(options: VercelOptions, deps: VercelDeps = {}): Platform & VercelExtras {
  return vercelPlatform(vercelContext(options, deps));
}

/** What all operations on one project share. */
export function vercelContext(options: VercelOptions, deps: VercelDeps): Vercel {
  const settings = settle(options);
  const clock = deps.clock ?? systemClock;
  const random = deps.random ?? Math.random;
  return {settings, clock, random, api: openApi(settings, clock, random)};
}

/** The operations that need no upload. */
export function vercelPlatform(vercel: Vercel): Platform & VercelExtras {
  const {settings} = vercel;
  return {
    component: 'frontend',
    name: 'vercel',
    preflight: (requirements, call) => preflight(vercel, requirements, call),
    readLive: (call) => readLive(vercel, call),
    promote: (deploymentId, call) => promote(vercel, deploymentId, call),
    rollback: (anchor, call) => rollback(vercel, anchor, call),
    cancel: (deploymentId, call) => cancel(vercel, deploymentId, call),
    probeHeaders: (): Record<string, string> =>
      settings.protectionBypass ? {'x-vercel-protection-bypass': settings.protectionBypass} : {},
    assignmentState: async (call) => {
      const project = await readProject(vercel, call);
      return {
        autoAssign: project.autoAssign,
        rolledBack: isRolledBack(project),
        reason: project.rollbackReason,
        currentDeploymentId: project.currentId,
      };
    },
    productionHosts: (call) => productionHosts(vercel, call),
    settings: (call) => readProjectSettings(vercel, call),
    setVariables: (values, call) => setVariables(vercel, values, call),
    requests: () => vercel.api.count(),
  };
}
