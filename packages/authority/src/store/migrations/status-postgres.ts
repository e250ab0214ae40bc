/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const statusPostgres: readonly string[] = [
  `CREATE TABLE "protected_resources" (
    "tenant" text COLLATE "C" NOT NULL,
    "resource" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("tenant", "resource", "client_id")
  )`,
  `CREATE TABLE "status_entries" (
    "tenant" text COLLATE "C" NOT NULL,
    "list" text COLLATE "C" NOT NULL,
    "idx" bigint NOT NULL,
    "token_id" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C",
    "signing_key" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "issued_at_seconds" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "list", "idx")
  )`,
  `CREATE INDEX "status_entries_by_expires_at_seconds" ON "status_entries" (
    "expires_at_seconds"
  )`,
];
