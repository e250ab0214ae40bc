/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const upstreamCredentialsPostgres: readonly string[] = [
  `CREATE TABLE "upstream_credentials" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "form" text COLLATE "C" NOT NULL,
    "sealed_secret" bytea NOT NULL,
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
];
