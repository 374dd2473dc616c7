import type {Config} from '../config/schema.js';
import type {Component, Deployer} from '../platforms/platform.js';
import type {VercelExtras} from '../platforms/vercel/vercel.js';
import {type ConnectionDeps, openBackend, type PlatformTokens, requireTokens, vercelOptions} from './connection.js';

/**
 * Opens one described component for deploying. Apart from `openPlatforms`, so that only actions which deploy carry the
 * upload library in their bundle.
 * @throws refusal INPUT when its token is missing.
 */
export async function openDeployer(
  config: Config,
  tokens: PlatformTokens,
  component: Component,
  deps: ConnectionDeps = {},
): Promise<Deployer> {
  requireTokens(tokens, [component]);
  return component === 'frontend' ? openFrontendDeployer(config, tokens) : openBackend(config, tokens, deps);
}

/** The same project, for deploying a prebuilt page. */
export function openMaintenanceFrontend(config: Config, tokens: PlatformTokens): Promise<Deployer & VercelExtras> {
  return openFrontendDeployer({...config, frontend: {...config.frontend!, prebuilt: true}}, tokens);
}

async function openFrontendDeployer(config: Config, tokens: PlatformTokens): Promise<Deployer & VercelExtras> {
  const {openVercelDeployer} = await import('../platforms/vercel/deployer.js');
  return openVercelDeployer(vercelOptions(config, tokens));
}
