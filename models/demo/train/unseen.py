"""
Questions as people might put them, none of which the model was taught.

They were written down before any model was asked them. Whoever widens the phrases by what
fails here must write new ones.
"""

from capture.demo.scene import Kind

UNSEEN: tuple[tuple[Kind, str], ...] = (
    ("person", "Is a man lurking about?"),
    ("person", "Did any visitor ring the bell?"),
    ("person", "Are there people to be seen from here?"),
    ("person", "Has a pedestrian strayed onto the drive?"),
    ("person", "Is the house being approached by a person?"),
    ("person", "Should I expect a visitor at the gate?"),
    ("person", "Does it look as if somebody were outside?"),
    ("person", "Tell me, is a human in front of the lens?"),
    ("fire", "Do any flames lick at the fence?"),
    ("fire", "Has a blaze begun somewhere?"),
    ("fire", "Might there be a fire?"),
    ("fire", "Is a fire raging outside?"),
    ("fire", "Did you detect a fire?"),
    ("fire", "Is any fire alight in the garden?"),
    ("car", "Is a car left on the drive?"),
    ("car", "Has some car rolled up to the house?"),
    ("car", "Does a car take up the space?"),
    ("car", "Did an automobile pull into view?"),
    ("car", "Is the driveway occupied by a car?"),
    ("car", "Was a car caught on film?"),
    ("truck", "Has the truck made it here?"),
    ("truck", "Does a lorry stand in the picture?"),
    ("truck", "Is the delivery truck back?"),
    ("truck", "Is a truck within sight of the camera?"),
    ("truck", "Did a truck stop by?"),
    ("truck", "Are trucks lined up outside?"),
    ("dog", "Is a dog on the loose out there?"),
    ("dog", "Does any dog wander through the yard?"),
    ("dog", "Has a puppy sneaked in?"),
    ("dog", "Is there a dog waiting to be let in?"),
    ("dog", "Could you confirm a dog?"),
    ("dog", "Did the dog get out?"),
    ("bicycle", "Was a bike dumped here?"),
    ("bicycle", "Does someone's bicycle stand in the yard?"),
    ("bicycle", "Is the bicycle where I put it?"),
    ("bicycle", "Has my bike been returned?"),
    ("bicycle", "Are bikes propped against something?"),
    ("bicycle", "Do you make out a bicycle?"),
    ("box", "Is a parcel waiting to be taken in?"),
    ("box", "Has the courier dropped a package?"),
    ("box", "Did the box turn up?"),
    ("box", "Is there anything like a package in view?"),
    ("box", "Have they brought the parcel?"),
    ("box", "Does a box lie around?"),
)
