/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const rotationPostgres: readonly string[] = [
  `CREATE TABLE "rotation_rules" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "target_kind" text COLLATE "C" NOT NULL,
    "target_id" text COLLATE "C" NOT NULL,
    "definition" text COLLATE "C" NOT NULL,
    "due_at" bigint NOT NULL,
    "cause" text COLLATE "C",
    "run_id" text COLLATE "C",
    "fault" text COLLATE "C",
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name"),
    UNIQUE ("tenant", "target_kind", "target_id")
  )`,
  `CREATE INDEX "rotation_rules_by_due_at" ON "rotation_rules" (
    "due_at"
  )`,
  `CREATE TABLE "rotation_runs" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "rule" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "due_at" bigint NOT NULL,
    "started_at" bigint NOT NULL,
    "sealed_secret" bytea,
    "progress" text COLLATE "C" NOT NULL,
    "version" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "rotation_runs_by_tenant_rule_started_at_id" ON "rotation_runs" (
    "tenant",
    "rule",
    "started_at",
    "id"
  )`,
  `CREATE INDEX "rotation_runs_by_due_at" ON "rotation_runs" (
    "due_at"
  )`,
  `CREATE INDEX "rotation_runs_by_expires_at_seconds" ON "rotation_runs" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "rotation_places" (
    "place" text COLLATE "C" NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "rule" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("place")
  )`,
  `CREATE INDEX "rotation_places_by_tenant_rule_place" ON "rotation_places" (
    "tenant",
    "rule",
    "place"
  )`,
];
