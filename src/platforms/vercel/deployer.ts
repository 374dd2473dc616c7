import type {Deployer} from '../platform.js';
import {deploy} from './deploy.js';
import type {VercelOptions} from './options.js';
import {type VercelDeps, type VercelExtras, vercelContext, vercelPlatform} from './vercel.js';

/**
 * Vercel with uploads: what it deploys is staged and waits for its promotion. The upload library is a third of the
 * bundle of an action that reaches this file.
 * @throws refusal VERCEL_OPTIONS for options that cannot work; no request is made here.
 */
export function openVercelDeployer(options: VercelOptions, deps: VercelDeps = {}): Deployer & VercelExtras {
  const vercel = vercelContext(options, deps);
  return {...vercelPlatform(vercel), deploy: (request, call) => deploy(vercel, request, call)};
}
