import type {Config} from '../config/schema.js';
import {type Problem, refusal} from '../kernel/errors.js';
import type {Component, Deployer, Platform} from '../platforms/platform.js';
import type {RailwayExtras} from '../platforms/railway/railway.js';
import type {VercelExtras, VercelOptions} from '../platforms/vercel/vercel.js';

export interface PlatformTokens {
  readonly 'vercel-token'?: string | undefined;
  readonly 'vercel-protection-bypass'?: string | undefined;
  readonly 'railway-token'?: string | undefined;
}

export interface Platforms {
  readonly frontend?: Platform & VercelExtras;
  readonly backend?: Platform & RailwayExtras;
}

export interface ConnectionDeps {
  /** Told of every secret value that is read from a platform, before anything is logged. */
  readonly mask?: (value: string) => void;
}

/**
 * Opens the adapters of the components that are described and wanted; adapters are loaded only when used.
 * @throws refusal INPUT naming every token that is missing.
 */
export async function openPlatforms(
  config: Config,
  tokens: PlatformTokens,
  wanted: readonly Component[],
  deps: ConnectionDeps = {},
): Promise<Platforms> {
  const use = (component: Component) => wanted.includes(component) && config[component] !== undefined;
  requireTokens(tokens, (['frontend', 'backend'] as const).filter(use));
  return {
    ...(use('frontend') && {frontend: await openFrontend(config, tokens)}),
    ...(use('backend') && {backend: await openBackend(config, tokens, deps)}),
  };
}

/** @throws refusal INPUT naming every token that these components need and that was not given. */
export function requireTokens(tokens: PlatformTokens, components: readonly Component[]): void {
  const problems: Problem[] = [];
  if (components.includes('frontend') && !tokens['vercel-token']) problems.push(missing('vercel-token', 'Vercel'));
  if (components.includes('backend') && !tokens['railway-token']) problems.push(missing('railway-token', 'Railway'));
  if (problems.length) throw refusal('INPUT', 'The inputs were', problems);
}

function missing(name: string, platform: string): Problem {
  return {
    where: `input \`${name}\``,
    what: `is missing, and the product uses ${platform}`,
    remedy: `Pass it in \`with:\`, such as \`${name}: \${{ secrets.${name.replace(/-/g, '_').toUpperCase()} }}\``,
  };
}

async function openFrontend(config: Config, tokens: PlatformTokens): Promise<Platform & VercelExtras> {
  const {openVercel} = await import('../platforms/vercel/vercel.js');
  return openVercel(vercelOptions(config, tokens));
}

/** The configured project, as the adapter wants to hear of it. */
export function vercelOptions(config: Config, tokens: PlatformTokens): VercelOptions {
  const frontend = config.frontend!;
  return {
    token: tokens['vercel-token']!,
    project: frontend.project,
    apiUrl: frontend['api-url'],
    prebuilt: frontend.prebuilt,
    ...(frontend.team && {team: frontend.team}),
    ...(frontend.hosts && {productionHosts: frontend.hosts}),
    ...(frontend['root-directory'] && {rootDirectory: frontend['root-directory']}),
    ...(tokens['vercel-protection-bypass'] && {protectionBypass: tokens['vercel-protection-bypass']}),
  };
}

/** The configured service. */
export async function openBackend(
  config: Config,
  tokens: PlatformTokens,
  deps: ConnectionDeps,
): Promise<Deployer & RailwayExtras> {
  const {openRailway} = await import('../platforms/railway/railway.js');
  const backend = config.backend!;
  return openRailway(
    {
      token: tokens['railway-token']!,
      service: backend.service,
      apiUrl: backend['api-url'],
      source: backend.source,
      publicUrl: backend.url,
      allowAutoDeploy: backend['auto-deploy'] !== 'refuse',
      ...(backend.project && {project: backend.project}),
      ...(backend.environment && {environment: backend.environment}),
      ...(backend.image && {image: backend.image}),
    },
    deps,
  );
}
