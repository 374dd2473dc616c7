import type {ProductAddresses} from '../product-config.js';
import type {BuildStep} from '../vercel/options.js';

/** Every version that any sample product has. */
export const versionOrder = [
  'v1',
  'v2',
  'bad-frontend',
  'bad-backend',
  'bad-after-promotion',
  'slow-leak',
  'breaking-migration',
  'opaque-migration',
  'bad-tenant-isolation',
] as const;
export type VersionName = (typeof versionOrder)[number];

/** Each version a product has, with its parent, which it differs from by the files in `versions/<name>`. */
export type Versions = Readonly<Partial<Record<VersionName, VersionName | null>>>;

/** A sample product, ready to be put on the stand-ins. */
export interface SampleProduct {
  readonly name: ProductName;
  /** Folder of its files, below src/rehearsal/product. */
  readonly folder: string;
  readonly versions: Versions;
  /** Words in its files that are replaced, beside `__VERSION__` and `__API_URL__`. */
  readonly values: Readonly<Record<string, string>>;
  /** How the platform runs the backend: folder of the commit, commands as argument lists, health path. */
  readonly backend: {
    readonly folder: string;
    readonly preDeployCommand: readonly string[];
    readonly startCommand: readonly string[];
    readonly healthcheckPath: string;
    readonly healthcheckTimeoutS: number;
    /** From SIGTERM to SIGKILL when a deployment is taken down. */
    readonly drainingSeconds: number;
  };
  /** Of the backend, beside the database's address and the allowed origins. */
  readonly variables: Readonly<Record<string, string>>;
  /** What the frontend's platform builds; undefined: the files are served as they are. */
  readonly build?: BuildStep;
  /** What the repository's secret `CHECK_SECRETS` holds. */
  readonly checkSecrets: string;
  /** Between the starts of two user visits. */
  readonly visitEveryMs: number;
  /** Its `.github/switchback.yml`; keys in `more` replace the usual ones. */
  readonly config: (at: ProductAddresses, more: Readonly<Record<string, unknown>>) => string;
}

export const productNames = ['shop', 'next-flask'] as const;
export type ProductName = (typeof productNames)[number];
