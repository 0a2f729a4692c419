"""How long each part of the bench measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    connections: tuple[int, ...] = (1, 16, 64)
    paced: float = 400.0  # requests a second, of 16 connections together
    rounds: int = 5  # of the floor and of ours in turn; their medians are reported
    round_s: float = 1.2
    sizes: tuple[tuple[int, int], ...] = ((1280, 720), (1920, 1080))
    frames_s: float = 5.0
    cameras: int = 8
    cameras_s: float = 8.0
    ages: int = 300  # requests
    idle_s: float = 10.0
    streams: tuple[int, ...] = (1, 8)
    tokens: int = 128  # of each answer of the model
    chats: int = 4  # that each stream has in one round
    model_rounds: int = 3
    judgements: int = 30
    rules_s: float = 10.0


QUICK = Plan(
    connections=(1, 16),
    rounds=1,
    round_s=0.3,
    sizes=((1920, 1080),),
    frames_s=0.7,
    cameras=2,
    cameras_s=1.5,
    ages=30,
    idle_s=1.0,
    tokens=32,
    chats=1,
    model_rounds=1,
    judgements=3,
    rules_s=3.0,
)
