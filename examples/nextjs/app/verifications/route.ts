import { start } from "../../verification";

export const runtime = "edge";

export async function POST() {
  return Response.json(await start(), { status: 201 });
}
