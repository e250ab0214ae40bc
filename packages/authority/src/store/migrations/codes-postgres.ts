/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const codesPostgres: readonly string[] = [
  `CREATE TABLE "authorization_codes" (
    "partition" bigint NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C" NOT NULL,
    "terms" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    "consumed_at" bigint,
    PRIMARY KEY ("partition", "tenant", "id")
  ) PARTITION BY LIST ("partition")`,
];
