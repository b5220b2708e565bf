//! What callers ask of this part of the node.

platform::actions! {
    ApplyEntity => Write EntitiesWrite, "Apply for, change or dissolve an entity.";
    ReadEntities => Read EntitiesRead, "See entities.";
    ReviewEntity => Write EntitiesReview, "Approve or reject an application.";
}
