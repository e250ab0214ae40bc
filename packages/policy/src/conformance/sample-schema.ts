/** The world's types as a schema, in Cedar's text form. */
export const sampleSchema = `
type Nested = { ok: Bool, level?: Long, name?: String, "needs quotes"?: String };
type Parts = {
  ok: Bool, level: Long, limit?: Long, name: String, "needs quotes"?: String,
  tags: Set<String>, members?: Set<User>, nested: Nested, constructor?: Nested,
  address: ipaddr, price: decimal, at: datetime, age?: duration, owner?: User,
};
@doc("somebody")
entity User in [Group] = {
  ok: Bool, level: Long, limit?: Long, name: String, "needs quotes"?: String,
  owner: User, tags: Set<String>, members?: Set<User>, nested: Nested, constructor?: Nested,
  address: __cedar::ipaddr, price: decimal, at?: datetime, age: duration,
} tags String;
entity Group in [Group] { ok: Bool, level?: Long, owner: User, nested: { ok?: Bool } } tags Long;
entity Colour enum ["red", "blue"];
action all;
action read in [all] appliesTo { principal: [User, Group], resource: App::Doc, context: Parts };
action write in all appliesTo {
  principal: User, resource: [App::Doc, App::Folder],
  context: { ok: Bool, level?: Long, address?: ipaddr, nested: Nested },
};
namespace App {
  entity Folder in Folder { owner: User, name: String };
  entity Doc in [Folder] {
    ok: Bool, level: Long, name?: String, owner: User, tags: Set<String>, members: Set<User>,
    nested: Nested, price: decimal, at: datetime, age?: duration,
  } tags Bool;
  action share in [Action::"all"] appliesTo { principal: Group, resource: [Folder] };
}
`;
