import * as z from 'zod';
import {partOf} from '../backup/content.js';
import type {Manifest} from '../backup/manifest.js';
import {readPlaintext} from '../backup/part-reader.js';
import type {Opener} from '../crypto/private-key.js';
import {Failure} from '../kernel/errors.js';
import type {Settings} from '../platforms/railway/settings.js';
import type {Store} from '../storage/store.js';

/** Where the configuration part of a set lies, and who can open it. */
export interface StoredPart {
  readonly store: Store;
  /** Key prefix of the set. */
  readonly prefix: string;
  readonly manifest: Manifest;
  readonly keys: readonly Opener[];
  readonly signal: AbortSignal;
}

/** The configuration part as JSON. It holds secret values. @throws Failure SET_PART, SET_DIGEST, DECRYPT */
export async function readStoredConfiguration({store, prefix, manifest, keys, signal}: StoredPart): Promise<unknown> {
  const part = partOf(manifest, 'configuration');
  const chunks: Uint8Array[] = [];
  for await (const chunk of readPlaintext({store, prefix, part, signal}, keys)) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

const named = z.record(z.string(), z.string());
const settings = z.looseObject({
  service: z.record(z.string(), z.unknown()),
  domains: z.array(
    z.looseObject({
      domain: z.string(),
      targetPort: z.number().nullish(),
      kind: z.enum(['custom', 'service']),
    }),
  ),
  variables: named,
  sharedVariables: named,
  sealed: z.array(z.string()),
});
const shape = z.looseObject({
  schema: z.string().regex(/^switchback-configuration\/1(\.\d+)?$/),
  backend: z.looseObject({settings, live: z.looseObject({place: z.string().optional()}).nullish()}),
});

/** The backend as it was when the set was taken. */
export interface StoredBackend {
  readonly settings: Settings;
  /** Id of the project it ran in, when the set tells. */
  readonly projectId: string | undefined;
}

/** @throws Failure SET_CONFIGURATION when the part does not describe a backend. */
export function storedBackend(document: unknown, set: string): StoredBackend {
  const parsed = shape.safeParse(document);
  if (!parsed.success)
    throw new Failure('SET_CONFIGURATION', `The configuration in the set ${set} does not describe the backend`, {
      remedy:
        'Take an older set with `set:`; one whose summary warns that the configuration is not in it cannot be rebuilt from.',
      details: {at: parsed.error.issues[0]?.path.join('.')},
    });
  const {backend} = parsed.data;
  return {settings: backend.settings as Settings, projectId: backend.live?.place?.split('/')[0] || undefined};
}
