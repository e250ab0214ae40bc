/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const devicesPostgres: readonly string[] = [
  `CREATE TABLE "device_grants" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "user_code" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "request" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "interval_seconds" bigint NOT NULL,
    "polled_at" bigint,
    "approval" text COLLATE "C" NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    UNIQUE ("tenant", "user_code")
  )`,
  `CREATE INDEX "device_grants_by_expires_at_seconds" ON "device_grants" (
    "expires_at_seconds"
  )`,
];
