"""`/v1/responses`: OpenAI's newer way to ask, and what is kept of the answers."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from api.chats import Asked, Chats, Event
from api.errors import Json, UnknownItem, UnknownPrevious, UnknownResponse
from api.leaving import gone
from api.responses import conversation, shapes
from api.responses.blame import in_our_words
from api.responses.conversation import Draft
from api.responses.events import Answer
from api.responses.ids import PREFIX
from api.responses.listing import Order, page
from api.responses.past import Past
from api.responses.sampling import sampling_of
from api.responses.schemas import ResponseRequest
from api.responses.shapes import Body
from api.responses.store import Kept, Limits, Store
from api.settings import ApiSettings
from api.shapes.responses import DeletedResponse, InputItems, ResponseObject
from api.shapes.stating import ASKING, answer, refusals, streamed
from bus import messages as wire
from bus.errors import BadJob, LookoutError, Unavailable
from bus.tasks import ended_by

MOST_LISTED = 100

router = APIRouter(tags=["chat"])

ANSWER = streamed(ResponseObject, "Each `data:` is one of OpenAI's events, with a `type`.")
KEPT = answer(ResponseObject, "As it was answered.")
PAGE = answer(InputItems, "A page of items, and whether there are more.")
DELETED = answer(DeletedResponse, "It is not kept any more.")
NOT_KEPT = refusals(UnknownResponse, Unavailable)


@dataclass(frozen=True)
class Asking:
    """One request, its conversation, and the job that was made of them."""

    past: Past
    drafts: list[Draft]
    job: wire.Job
    wanted: bool  # that the response is kept

    async def keep(self, response: Body) -> Body:
        if not self.wanted:
            return response
        assert isinstance(self.job.task, wire.Chat)
        digests = conversation.digests_of(self.drafts, self.job.task)
        items = conversation.keepable(self.past.told, digests, response["id"])
        kept = Kept(self.past.owner, response, items)
        done = await self.past.store.keep(kept, sorted(set(digests.values())))
        return {**response, "store": done}


def _store(request: Request) -> Store:
    state = request.app.state
    settings: ApiSettings = state.settings
    room = round(settings.max_responses_mb * 2**20)
    return Store(state.redis, Limits(settings.response_keep_s, settings.max_responses, room))


def _owner(request: Request) -> str:
    owner: str = request.scope.get("lookout.key", "")
    return owner


async def _asking(body: ResponseRequest, request: Request) -> Asking:
    """Look up what was said before, fetch pictures, have cameras opened."""
    chats: Chats = request.app.state.chats
    past = Past(_store(request), _owner(request))
    await past.read(body)
    drafts = conversation.drafts_of(body.instructions, past.told, past.pictures)

    def place(message: int, part: int | None) -> str:
        return "input" if part is None else f"{drafts[message].place}[{part}]"

    messages = [draft.message() for draft in drafts]
    asked = Asked(body.model, messages, await sampling_of(body), bool(body.stream), place)
    job = await chats.job(asked, PREFIX)
    wanted = body.store is not False and past.store.keeps
    return Asking(past, drafts, job, wanted)


@router.post(
    "/responses",
    summary="Answer a conversation, and keep it",
    responses={**ANSWER, **refusals(*ASKING, UnknownPrevious, UnknownItem)},
)
async def create_response(body: ResponseRequest, request: Request) -> Response:
    """Answer a conversation whose pictures may be live cameras; it may be gone on with later."""
    try:
        async with ended_by(gone(request.receive)):
            return await _answer(body, request)
    except LookoutError as error:
        raise in_our_words(error) from error
    return Response(status_code=499)  # nobody reads it


async def _answer(body: ResponseRequest, request: Request) -> Response:
    asking = await _asking(body, request)
    job = asking.job
    response = {**shapes.started(body, job.id, job.created, job.model), "store": asking.wanted}
    answer = Answer(response, len(asking.past.told), job.created, asking.keep)
    events: AsyncGenerator[Event] = request.app.state.chats.events(job)
    if not body.stream:
        return Json(await answer.whole(events))
    first = await anext(events)  # a failure before it still has its status
    return StreamingResponse(answer.lines(first, events), media_type="text/event-stream")


async def _kept(request: Request, response: str) -> Kept:
    kept = await _store(request).get(response, _owner(request))
    if kept is None:
        raise UnknownResponse(f"there is no response {response[:80]!r}: it may have expired")
    return kept


@router.get(
    "/responses/{response}", summary="Read a response again", responses={**KEPT, **NOT_KEPT}
)
async def get_response(
    request: Request, response: str, stream: Annotated[bool, Query()] = False
) -> Response:
    if stream:
        raise BadJob("stream: a response is told again as a whole only", param="stream")
    return Json((await _kept(request, response)).response)


@router.delete(
    "/responses/{response}", summary="Forget a response", responses={**DELETED, **NOT_KEPT}
)
async def delete_response(request: Request, response: str) -> Response:
    await _kept(request, response)
    await _store(request).remove(response)
    return Json({"id": response, "object": "response", "deleted": True})


@router.get(
    "/responses/{response}/input_items",
    summary="List what a response answers",
    responses={**PAGE, **refusals(BadJob, UnknownResponse, Unavailable)},
)
async def list_input_items(
    request: Request,
    response: str,
    order: Order = "desc",
    after: Annotated[str, Query(max_length=256)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20,
) -> Response:
    """What the model was told for a response, with what was said before it."""
    return Json(page((await _kept(request, response)).items, order, after, limit))


@router.post(
    "/responses/{response}/cancel",
    summary="Cancel a response in the background",
    responses={**KEPT, **refusals(BadJob, UnknownResponse, Unavailable)},
)
async def cancel_response(request: Request, response: str) -> Response:
    """Nothing runs in the background here, so there is never one."""
    await _kept(request, response)
    raise BadJob("only a response in the background can be cancelled, and there are none here")
