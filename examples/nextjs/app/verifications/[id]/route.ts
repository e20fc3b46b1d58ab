import { result } from "../../../verification";

export const runtime = "edge";

export async function GET(_: Request, { params }: { params: Promise<{ id: string }> }) {
  const found = await result((await params).id);
  return Response.json(found ?? { error: "not found" }, { status: found === undefined ? 404 : 200 });
}
