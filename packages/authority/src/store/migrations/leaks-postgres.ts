/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const leaksPostgres: readonly string[] = [
  `CREATE TABLE "leaks" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "credential" text COLLATE "C" NOT NULL,
    "owner" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "sightings" text COLLATE "C" NOT NULL,
    "steps" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "due_at" bigint,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    UNIQUE ("tenant", "kind", "credential")
  )`,
  `CREATE INDEX "leaks_by_tenant_created_at_id" ON "leaks" (
    "tenant",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "leaks_by_due_at" ON "leaks" (
    "due_at" NULLS FIRST
  )`,
  `CREATE TABLE "leak_policies" (
    "tenant" text COLLATE "C" NOT NULL,
    "policy" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant")
  )`,
];
