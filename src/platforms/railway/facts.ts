import {cleanLine} from './clean.js';
import type {RawDeployment} from './documents.js';
import {readMarker} from './marker.js';

/** A deployment as far as Railway told: every key of its `meta` is optional. */
export interface DeploymentFacts {
  readonly id: string;
  readonly status: string;
  readonly createdAtMs: number;
  /** Lower case. From `meta.commitHash`, or from the mark this adapter leaves on uploads. */
  readonly commit?: string;
  /** With digest when Railway gives it. */
  readonly image?: string;
  /** The release that uploaded it. */
  readonly release?: string;
  readonly skippedReason?: string;
  readonly canRollback: boolean;
  readonly canRedeploy: boolean;
  /** Undefined where it was not asked for. Means nothing before SUCCESS: a new deployment already reports true. */
  readonly stopped?: boolean;
  readonly instances?: readonly string[];
  readonly host?: string;
}

/** Undefined for a row without an id or a status: those are never believed. */
export function factsOf(raw: RawDeployment | null | undefined): DeploymentFacts | undefined {
  if (!raw || typeof raw !== 'object' || !text(raw.id) || !text(raw.status)) return undefined;
  const meta = isRecord(raw.meta) ? raw.meta : {};
  const marker = readMarker(text(meta.cliMessage) ?? text(meta.commitMessage));
  return {
    id: raw.id!,
    status: raw.status!,
    createdAtMs: Date.parse(text(raw.createdAt) ?? '') || 0,
    commit: (text(meta.commitHash) ?? marker?.commit)?.toLowerCase(),
    image: imageOf(meta),
    release: marker?.release,
    skippedReason: reason(meta.skippedReason) ?? reason(meta.reason),
    canRollback: raw.canRollback === true,
    canRedeploy: raw.canRedeploy === true,
    stopped: typeof raw.deploymentStopped === 'boolean' ? raw.deploymentStopped : undefined,
    instances: Array.isArray(raw.instances) ? raw.instances.map(statusOf) : undefined,
    host: text(raw.staticUrl)?.replace(/^https?:\/\//, ''),
  };
}

/** Rows of a connection, newest first as Railway lists them. */
export function factsList(
  connection: {readonly edges?: ReadonlyArray<{readonly node?: RawDeployment | null}>} | null | undefined,
): DeploymentFacts[] {
  const edges: unknown = connection?.edges;
  if (!Array.isArray(edges)) return [];
  return edges.flatMap((edge: unknown) => (isRecord(edge) ? (factsOf(edge.node as RawDeployment) ?? []) : []));
}

function statusOf(instance: unknown): string {
  return (isRecord(instance) && text(instance.status)) || 'UNKNOWN';
}

function imageOf(meta: Record<string, unknown>): string | undefined {
  const image = text(meta.image);
  const digest = text(meta.imageDigest);
  if (!image || !digest || image.includes('@')) return image;
  return `${image}@${digest.includes('@') ? digest.slice(digest.indexOf('@') + 1) : digest}`;
}

function reason(value: unknown): string | undefined {
  const found = text(value);
  return found && cleanLine(found, 200);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
